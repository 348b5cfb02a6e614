package milvusbackup

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// Client is a connection to one server. It is safe for concurrent use by several goroutines.
type Client struct {
	conn    *grpc.ClientConn
	raw     backuppb.MilvusBackupServiceClient
	backups backupv1.BackupServiceClient
	jobs    backupv1.JobServiceClient
	catalog backupv1.CatalogServiceClient
}

// The delays between attempts to connect: the defaults of gRPC, with a maximum that is close to the duration of a
// restart.
var reconnectDelays = backoff.Config{BaseDelay: time.Second, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}

// New returns a client for the server at an address, which is HOST:PORT or another gRPC target. The first call connects
// to the server. By default, the client uses TLS and trusts the certificate authorities of the system.
//
// New fails if the address is a URL, if options contradict each other, or if the token cannot be sent.
func New(address string, options ...Option) (*Client, error) {
	var settings clientSettings
	for _, option := range options {
		option(&settings)
	}
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		return nil, fmt.Errorf("milvusbackup: %s is a URL; the address must be HOST:PORT; for a server without TLS, use WithInsecure", address)
	}
	if settings.insecure && settings.tls != nil {
		return nil, errors.New("milvusbackup: WithInsecure and WithTLS cannot be combined")
	}
	if strings.ContainsFunc(settings.authorization, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, errors.New("milvusbackup: cannot send the token: it contains a character that is not printable ASCII")
	}
	transport := credentials.NewTLS(settings.tls)
	if settings.insecure {
		transport = insecure.NewCredentials()
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		// A backup of many segments exceeds gRPC's default limit of 4 MiB.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		// Keepalive detects a server that disappeared without closing the connection while a job reports no changes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnectDelays, MinConnectTimeout: 20 * time.Second}),
		grpc.WithChainUnaryInterceptor(convertUnaryErrors),
		grpc.WithChainStreamInterceptor(convertStreamErrors),
	}
	if settings.authorization != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(authorization{settings.authorization, !settings.insecure}))
	}
	conn, err := grpc.NewClient(address, append(dial, settings.dial...)...)
	if err != nil {
		return nil, fmt.Errorf("milvusbackup: %w", err)
	}
	return &Client{
		conn:    conn,
		raw:     backuppb.NewMilvusBackupServiceClient(conn),
		backups: backupv1.NewBackupServiceClient(conn),
		jobs:    backupv1.NewJobServiceClient(conn),
		catalog: backupv1.NewCatalogServiceClient(conn),
	}, nil
}

// Close closes the connection. Submitted jobs continue.
func (c *Client) Close() error {
	return c.conn.Close()
}

// Raw returns the stub of the service of release 0.4.15, for requests that the other methods do not have: a restore by
// a plan of database and collection names, a limit for shards, and another bucket or root path for a backup. Its errors
// are of the type [*Error] too; if the context ended, the error is that of the context.
//
// The defaults of that service differ: a restore creates indexes only with RestoreIndex, creates no aliases and loads
// no collections.
func (c *Client) Raw() backuppb.MilvusBackupServiceClient {
	return c.raw
}

// Conn returns the connection, for the stubs of other services such as grpc.health.v1.Health.
func (c *Client) Conn() grpc.ClientConnInterface {
	return c.conn
}

// Check checks whether the server can work with Milvus and its stores, and returns a report with one line for each
// finding. If a check failed, Check returns the report and an [*Error].
func (c *Client) Check(ctx context.Context) (string, error) {
	response, err := c.raw.Check(ctx, &backuppb.CheckRequest{})
	if err != nil {
		return "", err
	}
	if response.GetCode() != backuppb.ResponseCode_Success {
		return response.GetMsg(), &Error{Kind: "unreachable", Message: "a check of the server failed", Hint: response.GetMsg()}
	}
	return response.GetMsg(), nil
}

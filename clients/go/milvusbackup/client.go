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

// Client speaks to one server. It is safe for use by several goroutines at once.
type Client struct {
	conn    *grpc.ClientConn
	raw     backuppb.MilvusBackupServiceClient
	jobs    backupv1.JobServiceClient
	catalog backupv1.CatalogServiceClient
}

// How soon a server that is away is tried again: gRPC's own times, but no longer than a restart takes.
var retried = backoff.Config{BaseDelay: time.Second, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}

// New makes a client of the server at an address, HOST:PORT or any other gRPC target. It does not connect yet: the
// first call does. Without options it speaks TLS and trusts the system's certificates.
func New(address string, options ...Option) (*Client, error) {
	var settings clientSettings
	for _, option := range options {
		option(&settings)
	}
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		return nil, fmt.Errorf("milvusbackup: %s is a URL; the address is HOST:PORT, and WithInsecure speaks no TLS", address)
	}
	if settings.insecure && settings.tls != nil {
		return nil, errors.New("milvusbackup: WithInsecure and WithTLS exclude each other")
	}
	if strings.ContainsFunc(settings.authorization, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, errors.New("milvusbackup: the token holds a character that is not printable ASCII, and cannot be sent")
	}
	transport := credentials.NewTLS(settings.tls)
	if settings.insecure {
		transport = insecure.NewCredentials()
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		// A backup of many segments is larger than gRPC's usual 4 MiB.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		// A server that vanishes without a word is noticed where a job is waited for that has nothing to tell.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retried, MinConnectTimeout: 20 * time.Second}),
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
		jobs:    backupv1.NewJobServiceClient(conn),
		catalog: backupv1.NewCatalogServiceClient(conn),
	}, nil
}

// Close ends the connection. Jobs that were started go on.
func (c *Client) Close() error {
	return c.conn.Close()
}

// Raw gives the stub of the service of release 0.4.15. Its errors are of the type [*Error] too, but for
// a context that ended, which is the context's error.
func (c *Client) Raw() backuppb.MilvusBackupServiceClient {
	return c.raw
}

// Conn gives the connection, for stubs of other services such as grpc.health.v1.Health.
func (c *Client) Conn() grpc.ClientConnInterface {
	return c.conn
}

// Check asks whether the server can work with Milvus and its stores, and returns its findings, one a line. Where
// something does not work the findings come with an [*Error].
func (c *Client) Check(ctx context.Context) (string, error) {
	answer, err := c.raw.Check(ctx, &backuppb.CheckRequest{})
	if err != nil {
		return "", err
	}
	if answer.GetCode() != backuppb.ResponseCode_Success {
		return answer.GetMsg(), &Error{Kind: "unreachable", Message: "the check found what does not work", Hint: answer.GetMsg()}
	}
	return answer.GetMsg(), nil
}

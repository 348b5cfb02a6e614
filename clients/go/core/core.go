// Package core has the calls of the package core of Milvus Backup (Go) 0.4.15, against a server: the same requests and
// responses, failures in Code and Msg and no error value, so that code written for them moves over by its imports.
// Where that code gave parameters, which the server has in its configuration, it gives a client:
//
//	client, err := milvusbackup.New("backup.example.com:8080", milvusbackup.WithToken(token))
//	if err != nil {
//		return err
//	}
//	backup := core.CreateBackupContext(ctx, client)
//	if err := backup.Start(); err != nil {
//		return err
//	}
//	defer backup.Close()
//	answer := backup.CreateBackup(ctx, &backuppb.CreateBackupRequest{BackupName: "nightly"})
//	if answer.GetCode() != backuppb.ResponseCode_Success {
//		return errors.New(answer.GetMsg())
//	}
//
// Code is that of 0.4.15: Parameter_Error for what is wrong with a request or a name that is taken,
// Request_Object_Not_Found for a backup that GetBackup or DeleteBackup does not find, else Fail; besides, Not_Support
// for what the server does not do and No_Permission for what the caller may not.
//
// New code is better served by the package milvusbackup.
package core

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/internal/uuid"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

// Backup is what can be asked for.
type Backup interface {
	CreateBackup(context.Context, *backuppb.CreateBackupRequest) *backuppb.BackupInfoResponse
	GetBackup(context.Context, *backuppb.GetBackupRequest) *backuppb.BackupInfoResponse
	ListBackups(context.Context, *backuppb.ListBackupsRequest) *backuppb.ListBackupsResponse
	DeleteBackup(context.Context, *backuppb.DeleteBackupRequest) *backuppb.DeleteBackupResponse
	RestoreBackup(context.Context, *backuppb.RestoreBackupRequest) *backuppb.RestoreBackupResponse
	GetRestore(context.Context, *backuppb.GetRestoreStateRequest) *backuppb.RestoreBackupResponse
}

// BackupContext asks a server.
type BackupContext struct {
	ctx    context.Context
	client *milvusbackup.Client
	server backuppb.MilvusBackupServiceClient
}

var _ Backup = (*BackupContext)(nil)

// CreateBackupContext asks the server of a client. The context is that of Start; each call has its own.
func CreateBackupContext(ctx context.Context, client *milvusbackup.Client) *BackupContext {
	return &BackupContext{ctx, client, client.Raw()}
}

// Start tells whether the server is there. The calls work without it.
func (b *BackupContext) Start() error {
	health := grpc_health_v1.NewHealthClient(b.client.Conn())
	answer, err := health.Check(b.ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("the server does not serve: %w", milvusbackup.ErrUnavailable)
	}
	return err
}

// Close closes the client.
func (b *BackupContext) Close() error {
	return b.client.Close()
}

// CreateBackup takes a backup.
func (b *BackupContext) CreateBackup(ctx context.Context, request *backuppb.CreateBackupRequest) *backuppb.BackupInfoResponse {
	return ask(ctx, request, b.server.CreateBackup, noBackupInfo, milvusbackup.ErrNotFound)
}

// GetBackup tells what a backup holds.
func (b *BackupContext) GetBackup(ctx context.Context, request *backuppb.GetBackupRequest) *backuppb.BackupInfoResponse {
	return ask(ctx, request, b.server.GetBackup, noBackupInfo)
}

// ListBackups tells which backups there are and what they hold.
func (b *BackupContext) ListBackups(ctx context.Context, request *backuppb.ListBackupsRequest) *backuppb.ListBackupsResponse {
	return ask(ctx, request, b.server.ListBackups, func(f failure) *backuppb.ListBackupsResponse {
		return &backuppb.ListBackupsResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
	})
}

// DeleteBackup removes a backup.
func (b *BackupContext) DeleteBackup(ctx context.Context, request *backuppb.DeleteBackupRequest) *backuppb.DeleteBackupResponse {
	return ask(ctx, request, b.server.DeleteBackup, func(f failure) *backuppb.DeleteBackupResponse {
		return &backuppb.DeleteBackupResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
	})
}

// RestoreBackup restores a backup.
func (b *BackupContext) RestoreBackup(ctx context.Context, request *backuppb.RestoreBackupRequest) *backuppb.RestoreBackupResponse {
	return ask(ctx, request, b.server.RestoreBackup, noRestore, milvusbackup.ErrNotFound, milvusbackup.ErrExists)
}

// GetRestore tells how far a restore is.
func (b *BackupContext) GetRestore(ctx context.Context, request *backuppb.GetRestoreStateRequest) *backuppb.RestoreBackupResponse {
	return ask(ctx, request, b.server.GetRestore, noRestore, milvusbackup.ErrNotFound, milvusbackup.ErrInvalid)
}

// Check tells whether the server can work with Milvus and its stores.
func (b *BackupContext) Check(ctx context.Context) string {
	response, err := b.server.Check(ctx, &backuppb.CheckRequest{})
	if err != nil {
		return err.Error()
	}
	return response.GetMsg()
}

// failure is what an answer tells of a call that failed.
type failure struct {
	requestID string
	code      backuppb.ResponseCode
	msg       string
}

func noBackupInfo(f failure) *backuppb.BackupInfoResponse {
	return &backuppb.BackupInfoResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
}

func noRestore(f failure) *backuppb.RestoreBackupResponse {
	return &backuppb.RestoreBackupResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
}

// ask makes a call; where it fails, of the kinds in fails the code says no more than that.
func ask[Q interface{ GetRequestId() string }, A any](
	ctx context.Context,
	request Q,
	call func(context.Context, Q, ...grpc.CallOption) (A, error),
	failed func(failure) A,
	fails ...error,
) A {
	var said metadata.MD
	answer, err := call(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return failed(failure{requestID(request, said), code(err, fails...), err.Error()})
	}
	return answer
}

// requestID is the id of a request that failed: the caller's, else the one the server gave it, else a new one.
func requestID(request interface{ GetRequestId() string }, said metadata.MD) string {
	if id := request.GetRequestId(); id != "" {
		return id
	}
	if ids := said.Get("x-request-id"); len(ids) > 0 {
		return ids[0]
	}
	return uuid.New()
}

// code is what the Go tool says of such a failure. Of some kinds a call of its says no more than that it failed.
func code(err error, fails ...error) backuppb.ResponseCode {
	for _, kind := range fails {
		if errors.Is(err, kind) {
			return backuppb.ResponseCode_Fail
		}
	}
	for _, line := range []struct {
		kind error
		code backuppb.ResponseCode
	}{
		{milvusbackup.ErrInvalid, backuppb.ResponseCode_Parameter_Error},
		{milvusbackup.ErrExists, backuppb.ResponseCode_Parameter_Error},
		{milvusbackup.ErrTooLarge, backuppb.ResponseCode_Parameter_Error},
		{milvusbackup.ErrNotFound, backuppb.ResponseCode_Request_Object_Not_Found},
		{milvusbackup.ErrUnsupported, backuppb.ResponseCode_Not_Support},
		{milvusbackup.ErrUnauthenticated, backuppb.ResponseCode_No_Permission},
		{milvusbackup.ErrForbidden, backuppb.ResponseCode_No_Permission},
	} {
		if errors.Is(err, line.kind) {
			return line.code
		}
	}
	return backuppb.ResponseCode_Fail
}

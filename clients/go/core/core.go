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
	var said metadata.MD
	response, err := b.server.CreateBackup(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return &backuppb.BackupInfoResponse{RequestId: requestID(request, said), Code: code(err, milvusbackup.ErrNotFound), Msg: err.Error()}
	}
	return response
}

// GetBackup tells what a backup holds.
func (b *BackupContext) GetBackup(ctx context.Context, request *backuppb.GetBackupRequest) *backuppb.BackupInfoResponse {
	var said metadata.MD
	response, err := b.server.GetBackup(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return &backuppb.BackupInfoResponse{RequestId: requestID(request, said), Code: code(err), Msg: err.Error()}
	}
	return response
}

// ListBackups tells which backups there are and what they hold.
func (b *BackupContext) ListBackups(ctx context.Context, request *backuppb.ListBackupsRequest) *backuppb.ListBackupsResponse {
	var said metadata.MD
	response, err := b.server.ListBackups(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return &backuppb.ListBackupsResponse{RequestId: requestID(request, said), Code: code(err), Msg: err.Error()}
	}
	return response
}

// DeleteBackup removes a backup.
func (b *BackupContext) DeleteBackup(ctx context.Context, request *backuppb.DeleteBackupRequest) *backuppb.DeleteBackupResponse {
	var said metadata.MD
	response, err := b.server.DeleteBackup(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return &backuppb.DeleteBackupResponse{RequestId: requestID(request, said), Code: code(err), Msg: err.Error()}
	}
	return response
}

// RestoreBackup restores a backup.
func (b *BackupContext) RestoreBackup(ctx context.Context, request *backuppb.RestoreBackupRequest) *backuppb.RestoreBackupResponse {
	var said metadata.MD
	response, err := b.server.RestoreBackup(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return &backuppb.RestoreBackupResponse{RequestId: requestID(request, said), Code: code(err, milvusbackup.ErrNotFound, milvusbackup.ErrExists), Msg: err.Error()}
	}
	return response
}

// GetRestore tells how far a restore is.
func (b *BackupContext) GetRestore(ctx context.Context, request *backuppb.GetRestoreStateRequest) *backuppb.RestoreBackupResponse {
	var said metadata.MD
	response, err := b.server.GetRestore(ctx, request, grpc.Trailer(&said))
	if err != nil {
		return &backuppb.RestoreBackupResponse{RequestId: requestID(request, said), Code: code(err, milvusbackup.ErrNotFound, milvusbackup.ErrInvalid), Msg: err.Error()}
	}
	return response
}

// Check tells whether the server can work with Milvus and its stores.
func (b *BackupContext) Check(ctx context.Context) string {
	response, err := b.server.Check(ctx, &backuppb.CheckRequest{})
	if err != nil {
		return err.Error()
	}
	return response.GetMsg()
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

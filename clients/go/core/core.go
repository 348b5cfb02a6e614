// Package core has the functions of the package core of Milvus Backup (Go) 0.4.15 and runs them on a server. Requests
// and responses are the same, and failures are in Code and Msg instead of an error value, so that code for that package
// needs only other imports and another setup. It passes a client instead of parameters, which are in the configuration
// of the server:
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
//	response := backup.CreateBackup(ctx, &backuppb.CreateBackupRequest{BackupName: "nightly"})
//	if response.GetCode() != backuppb.ResponseCode_Success {
//		return errors.New(response.GetMsg())
//	}
//
// Code has the values of 0.4.15:
//   - Parameter_Error if the request is invalid or the name of the backup is taken;
//   - Request_Object_Not_Found if GetBackup or DeleteBackup does not find the backup;
//   - Fail for other failures.
//
// There are two more values: Not_Support if the server does not support the request, and No_Permission if the caller is
// not authenticated or its role is not sufficient.
//
// New code should use the package milvusbackup.
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

// Backup is the interface of the functions that 0.4.15 has.
type Backup interface {
	CreateBackup(context.Context, *backuppb.CreateBackupRequest) *backuppb.BackupInfoResponse
	GetBackup(context.Context, *backuppb.GetBackupRequest) *backuppb.BackupInfoResponse
	ListBackups(context.Context, *backuppb.ListBackupsRequest) *backuppb.ListBackupsResponse
	DeleteBackup(context.Context, *backuppb.DeleteBackupRequest) *backuppb.DeleteBackupResponse
	RestoreBackup(context.Context, *backuppb.RestoreBackupRequest) *backuppb.RestoreBackupResponse
	GetRestore(context.Context, *backuppb.GetRestoreStateRequest) *backuppb.RestoreBackupResponse
}

// BackupContext runs the functions on a server.
type BackupContext struct {
	ctx    context.Context
	client *milvusbackup.Client
	server backuppb.MilvusBackupServiceClient
}

var _ Backup = (*BackupContext)(nil)

// CreateBackupContext returns a BackupContext that uses a client. Start uses the context; every other call has its own.
func CreateBackupContext(ctx context.Context, client *milvusbackup.Client) *BackupContext {
	return &BackupContext{ctx, client, client.Raw()}
}

// Start returns an error if the server does not serve requests. Calling it is optional.
func (b *BackupContext) Start() error {
	health := grpc_health_v1.NewHealthClient(b.client.Conn())
	response, err := health.Check(b.ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil && response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("the server does not serve requests: %w", milvusbackup.ErrUnavailable)
	}
	return err
}

// Close closes the client.
func (b *BackupContext) Close() error {
	return b.client.Close()
}

// CreateBackup creates a backup.
func (b *BackupContext) CreateBackup(ctx context.Context, request *backuppb.CreateBackupRequest) *backuppb.BackupInfoResponse {
	return call(ctx, request, b.server.CreateBackup, failedBackup, milvusbackup.ErrNotFound)
}

// GetBackup returns what a backup contains.
func (b *BackupContext) GetBackup(ctx context.Context, request *backuppb.GetBackupRequest) *backuppb.BackupInfoResponse {
	return call(ctx, request, b.server.GetBackup, failedBackup)
}

// ListBackups returns the complete backups and what they contain.
func (b *BackupContext) ListBackups(ctx context.Context, request *backuppb.ListBackupsRequest) *backuppb.ListBackupsResponse {
	return call(ctx, request, b.server.ListBackups, func(f failure) *backuppb.ListBackupsResponse {
		return &backuppb.ListBackupsResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
	})
}

// DeleteBackup deletes a backup.
func (b *BackupContext) DeleteBackup(ctx context.Context, request *backuppb.DeleteBackupRequest) *backuppb.DeleteBackupResponse {
	return call(ctx, request, b.server.DeleteBackup, func(f failure) *backuppb.DeleteBackupResponse {
		return &backuppb.DeleteBackupResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
	})
}

// RestoreBackup restores a backup.
func (b *BackupContext) RestoreBackup(ctx context.Context, request *backuppb.RestoreBackupRequest) *backuppb.RestoreBackupResponse {
	return call(ctx, request, b.server.RestoreBackup, failedRestore, milvusbackup.ErrNotFound, milvusbackup.ErrExists)
}

// GetRestore returns the state and the progress of a restore.
func (b *BackupContext) GetRestore(ctx context.Context, request *backuppb.GetRestoreStateRequest) *backuppb.RestoreBackupResponse {
	return call(ctx, request, b.server.GetRestore, failedRestore, milvusbackup.ErrNotFound, milvusbackup.ErrInvalid)
}

// Check checks whether the server can work with Milvus and its stores, and returns a report.
func (b *BackupContext) Check(ctx context.Context) string {
	response, err := b.server.Check(ctx, &backuppb.CheckRequest{})
	if err != nil {
		return err.Error()
	}
	return response.GetMsg()
}

// failure is the part of a response that describes a failed call.
type failure struct {
	requestID string
	code      backuppb.ResponseCode
	msg       string
}

func failedBackup(f failure) *backuppb.BackupInfoResponse {
	return &backuppb.BackupInfoResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
}

func failedRestore(f failure) *backuppb.RestoreBackupResponse {
	return &backuppb.RestoreBackupResponse{RequestId: f.requestID, Code: f.code, Msg: f.msg}
}

// call makes a call and converts its error to a response. Errors of the kinds in plainFailures have the code Fail.
func call[Request interface{ GetRequestId() string }, Response any](
	ctx context.Context,
	request Request,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error),
	failed func(failure) Response,
	plainFailures ...error,
) Response {
	var trailer metadata.MD
	response, err := method(ctx, request, grpc.Trailer(&trailer))
	if err != nil {
		return failed(failure{requestID(request, trailer), responseCode(err, plainFailures...), err.Error()})
	}
	return response
}

// requestID returns the id of a request that failed: the one that the caller set, or the one that the server generated,
// or a new one.
func requestID(request interface{ GetRequestId() string }, trailer metadata.MD) string {
	if id := request.GetRequestId(); id != "" {
		return id
	}
	if ids := trailer.Get("x-request-id"); len(ids) > 0 {
		return ids[0]
	}
	return uuid.New()
}

// responseCode returns the code that the Go tool has for a failure: Fail for the kinds in plainFailures, for which the
// function of the Go tool has no code of its own.
func responseCode(err error, plainFailures ...error) backuppb.ResponseCode {
	for _, kind := range plainFailures {
		if errors.Is(err, kind) {
			return backuppb.ResponseCode_Fail
		}
	}
	for _, row := range []struct {
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
		if errors.Is(err, row.kind) {
			return row.code
		}
	}
	return backuppb.ResponseCode_Fail
}

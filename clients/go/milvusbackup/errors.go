package milvusbackup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// What kind of failure an [*Error] is; errors.Is tells.
var (
	// ErrInvalid: the request is wrong as it stands.
	ErrInvalid = errors.New("invalid request")
	// ErrNotFound: no such backup, collection or job.
	ErrNotFound = errors.New("not found")
	// ErrExists: the backup or the target collection exists already.
	ErrExists = errors.New("already exists")
	// ErrBusy: another job is at it.
	ErrBusy = errors.New("busy")
	// ErrUnavailable: the server, its Milvus or one of its stores cannot be reached.
	ErrUnavailable = errors.New("unavailable")
	// ErrPartial: a part was done; the job's result tells which.
	ErrPartial = errors.New("done in part")
	// ErrDamaged: the backup is damaged.
	ErrDamaged = errors.New("damaged")
	// ErrCancelled: the job was cancelled, or its server ended while it ran.
	ErrCancelled = errors.New("cancelled")
	// ErrUnsupported: the server does not do it.
	ErrUnsupported = errors.New("not supported")
	// ErrUnauthenticated: the server does not know who asks.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrForbidden: who asks may not.
	ErrForbidden = errors.New("forbidden")
	// ErrTooLarge: the request is too large.
	ErrTooLarge = errors.New("too large")
	// ErrTooMany: too many requests or jobs.
	ErrTooMany = errors.New("too many")
)

// The kinds as the server names them.
var kinds = map[string]error{
	"usage":           ErrInvalid,
	"not_found":       ErrNotFound,
	"already_exists":  ErrExists,
	"busy":            ErrBusy,
	"unreachable":     ErrUnavailable,
	"partial":         ErrPartial,
	"damaged":         ErrDamaged,
	"interrupted":     ErrCancelled,
	"unsupported":     ErrUnsupported,
	"unauthenticated": ErrUnauthenticated,
	"forbidden":       ErrForbidden,
	"too_large":       ErrTooLarge,
	"too_many":        ErrTooMany,
	"timeout":         context.DeadlineExceeded,
}

// The kinds of answers that do not name theirs, such as those of a proxy or of gRPC itself.
var codeKinds = map[codes.Code]string{
	codes.Canceled:           "interrupted",
	codes.InvalidArgument:    "usage",
	codes.DeadlineExceeded:   "timeout",
	codes.NotFound:           "not_found",
	codes.AlreadyExists:      "already_exists",
	codes.PermissionDenied:   "forbidden",
	codes.ResourceExhausted:  "too_many",
	codes.Aborted:            "busy",
	codes.Unimplemented:      "unsupported",
	codes.Unavailable:        "unreachable",
	codes.DataLoss:           "damaged",
	codes.Unauthenticated:    "unauthenticated",
	codes.FailedPrecondition: "usage",
}

// Error is why a call failed or a job did not do all it was to.
type Error struct {
	// Kind is the server's name of the kind of failure, such as "not_found".
	Kind string
	// Message says what happened, to what, with its causes.
	Message string
	// Context says what was being done; it may be empty.
	Context string
	// Hint says what to do; it may be empty.
	Hint string
	// JobID is the job that failed; empty where a call did.
	JobID string

	cause error
}

// Error says what happened and, where something can be done, what.
func (e *Error) Error() string {
	text := e.Message
	if e.Context != "" {
		text += " (" + e.Context + ")"
	}
	if e.Hint != "" {
		text += "; hint: " + e.Hint
	}
	return text
}

// Is tells whether the error is of the kind of one of this package's variables.
func (e *Error) Is(target error) bool {
	kind, known := kinds[e.Kind]
	return known && kind == target
}

// Unwrap gives gRPC's error, for status.FromError; nil where a job failed.
func (e *Error) Unwrap() error {
	return e.cause
}

// typed makes an error of gRPC one of ours, or where the context has ended the context's, with gRPC's code.
func typed(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("milvusbackup: %w (%w)", ended, err)
	}
	answer, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, detail := range answer.Details() {
		if failure, ok := detail.(*backupv1.Failure); ok {
			return failed(failure, "", err)
		}
	}
	kind, known := codeKinds[answer.Code()]
	if !known {
		kind = "failed"
	}
	return &Error{Kind: kind, Message: answer.Message(), cause: err}
}

func failed(failure *backupv1.Failure, job string, cause error) *Error {
	return &Error{
		Kind:    failure.GetKind(),
		Message: failure.GetMessage(),
		Context: failure.GetContext(),
		Hint:    failure.GetHint(),
		JobID:   job,
		cause:   cause,
	}
}

func typedUnary(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return typed(ctx, invoke(ctx, method, request, answer, conn, options...))
}

func typedStream(ctx context.Context, about *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, about, conn, method, options...)
	if err != nil {
		return nil, typed(ctx, err)
	}
	return typedMessages{stream, ctx}, nil
}

type typedMessages struct {
	grpc.ClientStream
	// The caller's; the stream's own ends with the stream.
	ctx context.Context
}

func (s typedMessages) RecvMsg(message any) error {
	return typed(s.ctx, s.ClientStream.RecvMsg(message))
}

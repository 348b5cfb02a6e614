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

// The kinds of failures, for errors.Is with an [*Error].
var (
	// ErrInvalid means that the request is invalid.
	ErrInvalid = errors.New("invalid request")
	// ErrNotFound means that there is no such backup, collection or job.
	ErrNotFound = errors.New("not found")
	// ErrExists means that the backup, a target collection or the job id exists already.
	ErrExists = errors.New("already exists")
	// ErrBusy means that another job uses the same backup or collection, or that the job to cancel has already
	// finished.
	ErrBusy = errors.New("busy")
	// ErrUnavailable means that the server, its Milvus or one of its stores cannot be reached.
	ErrUnavailable = errors.New("unavailable")
	// ErrPartial means that the job completed only a part, which its result describes.
	ErrPartial = errors.New("partly done")
	// ErrDamaged means that the backup is damaged.
	ErrDamaged = errors.New("damaged")
	// ErrCancelled means that the job was cancelled, or that the server stopped while the job was running.
	ErrCancelled = errors.New("cancelled")
	// ErrUnsupported means that this version of the server does not support the request.
	ErrUnsupported = errors.New("not supported")
	// ErrUnauthenticated means that the token, the user or the certificate is missing or unknown.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrForbidden means that the role of the caller is not sufficient.
	ErrForbidden = errors.New("forbidden")
	// ErrTooLarge means that the request is too large.
	ErrTooLarge = errors.New("too large")
	// ErrTooMany means that there are too many requests or too many queued jobs.
	ErrTooMany = errors.New("too many")
)

// The kinds by the names that the server gives them.
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

// The kinds of errors without a Failure, such as those of a proxy or of gRPC itself.
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

// Error is the reason why a call failed or a job did not complete everything.
type Error struct {
	// Kind is the server's name for the kind of the failure, such as "not_found".
	Kind string
	// Message states what failed, on which object, and why.
	Message string
	// Context names the operation that failed; it may be empty.
	Context string
	// Hint describes the next step; it may be empty.
	Hint string
	// Advice is the next step as data: "action" names it, and the other keys depend on the action, as docs/json.md of
	// the server describes. It is nil if there is none.
	Advice map[string]any
	// JobID is the id of the job that failed; empty if a call failed.
	JobID string

	cause error
}

// Error returns the message, the context and the hint as one text.
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

// Is reports whether the error is of a kind, such as [ErrNotFound].
func (e *Error) Is(target error) bool {
	kind, known := kinds[e.Kind]
	return known && kind == target
}

// Unwrap returns the error of gRPC, for status.FromError, or nil if a job failed.
func (e *Error) Unwrap() error {
	return e.cause
}

// convertError converts an error of gRPC to an [*Error] or, if the context has ended, to the error of the context. Both
// keep the code of gRPC.
func convertError(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return fmt.Errorf("milvusbackup: %w (%w)", ctxErr, err)
	}
	grpcStatus, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, detail := range grpcStatus.Details() {
		if failure, ok := detail.(*backupv1.Failure); ok {
			return newError(failure, "", err)
		}
	}
	kind, known := codeKinds[grpcStatus.Code()]
	if !known {
		kind = "failed"
	}
	return &Error{Kind: kind, Message: grpcStatus.Message(), cause: err}
}

func newError(failure *backupv1.Failure, jobID string, cause error) *Error {
	converted := &Error{
		Kind:    failure.GetKind(),
		Message: failure.GetMessage(),
		Context: failure.GetContext(),
		Hint:    failure.GetHint(),
		JobID:   jobID,
		cause:   cause,
	}
	if advice := failure.GetAdvice(); advice != nil {
		converted.Advice = advice.AsMap()
	}
	return converted
}

func convertUnaryErrors(ctx context.Context, method string, request, response any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return convertError(ctx, invoke(ctx, method, request, response, conn, options...))
}

func convertStreamErrors(ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, description, conn, method, options...)
	if err != nil {
		return nil, convertError(ctx, err)
	}
	return convertingStream{stream, ctx}, nil
}

// convertingStream converts the errors of the messages that it receives.
type convertingStream struct {
	grpc.ClientStream
	// The context of the caller; the context of the stream ends with the stream.
	ctx context.Context
}

func (s convertingStream) RecvMsg(message any) error {
	return convertError(s.ctx, s.ClientStream.RecvMsg(message))
}

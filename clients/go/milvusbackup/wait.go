package milvusbackup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-backup/milvus-backup/clients/go/internal/uuid"
)

const (
	// How long WaitJob tries to reach a server that does not respond.
	reconnectTimeout = time.Minute
	// How long the request to cancel a job may take after the context of the caller has ended.
	cancelTimeout = 5 * time.Second
)

// WaitOption changes how the client waits for a job.
type WaitOption func(*waitSettings)

type waitSettings struct {
	progress func(*Job)
}

// OnProgress calls a function with the job at once, after each change (at most four times a second), and a last time
// when the job has finished. The calls come from the goroutine that waits, one at a time.
func OnProgress(report func(*Job)) WaitOption {
	return func(settings *waitSettings) { settings.progress = report }
}

// WaitJob waits until a job has finished. If the connection breaks, it reconnects for up to a minute. If the context
// ends first, it returns the context's error and does not affect the job.
//
// If the job did not complete everything, WaitJob returns the job and an [*Error].
func (c *Client) WaitJob(ctx context.Context, id string, options ...WaitOption) (*Job, error) {
	var settings waitSettings
	for _, option := range options {
		option(&settings)
	}
	var last *Job
	received := time.Now()
	for {
		watch := c.WatchJob(ctx, id)
		for watch.Next() {
			last, received = watch.Value(), time.Now()
			if settings.progress != nil {
				settings.progress(last)
			}
		}
		watch.Close()
		if Finished(last) {
			return last, jobError(last)
		}
		err := watch.Err()
		if err == nil {
			err = fmt.Errorf("milvusbackup: the server stopped reporting job %s before it finished: %w", id, ErrUnavailable)
		}
		if ctx.Err() != nil || !retryable(err) || time.Since(received) > reconnectTimeout {
			return last, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// retryable reports whether a watch that failed can be repeated, because the connection or a proxy failed and the
// server did not reject the request.
func retryable(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown, codes.ResourceExhausted:
		return true
	default:
		return false
	}
}

// runJob submits a job with an id, waits until it has finished, and cancels it if the context ends first. If the id is
// empty, it generates one.
func (c *Client) runJob(ctx context.Context, id string, submit func(id string) (*Job, error), options []WaitOption) (*Job, error) {
	// A job with a generated id can be cancelled even if the response to the submission was lost. An id of the caller
	// may be that of another job.
	generated := id == ""
	if generated {
		id = uuid.New()
	}
	job, err := submit(id)
	switch {
	case err == nil:
		id = job.GetId()
		last, waitErr := c.WaitJob(ctx, id, options...)
		if last != nil {
			job = last
		}
		err = waitErr
	case !generated:
		return nil, err
	}
	if err == nil || Finished(job) || !contextEnded(ctx, err) {
		return job, err
	}
	cancelCtx, release := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer release()
	switch cancelled, cancelErr := c.CancelJob(cancelCtx, id); {
	case cancelErr == nil:
		return cancelled, err
	case job == nil && errors.Is(cancelErr, ErrNotFound):
		return nil, err // the server did not accept the job
	default:
		return job, errors.Join(err, fmt.Errorf("cannot cancel job %s: %w", id, cancelErr))
	}
}

// contextEnded reports whether a call failed because its context ended. The server may report that the deadline has
// passed before the clock of the context does.
func contextEnded(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)
}

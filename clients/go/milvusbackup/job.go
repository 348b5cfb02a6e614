package milvusbackup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/internal/uuid"
)

// Job is a backup, a restore or a deletion as it is now.
type Job = backupv1.Job

// Times of waiting.
const (
	// How long a server may be away before waiting for a job on it gives up.
	patience = time.Minute
	// How long cancelling a job may take once the context of its caller has ended.
	farewell = 5 * time.Second
)

// WaitOption says what happens while a job is waited for.
type WaitOption func(*waiting)

type waiting struct {
	progress func(*Job)
}

// OnProgress is told how the job is, a few times a second at most while it changes, and a last time at its end. The
// calls come one after the other, from the goroutine that waits.
func OnProgress(tell func(*Job)) WaitOption {
	return func(w *waiting) { w.progress = tell }
}

// GetJob tells how far a job is and what came of it.
func (c *Client) GetJob(ctx context.Context, id string) (*Job, error) {
	return c.jobs.GetJob(ctx, &backupv1.GetJobRequest{Id: id})
}

// CancelJob stops a job: one that waits at once, one that runs at the next safe point; WaitJob tells when it has.
func (c *Client) CancelJob(ctx context.Context, id string) (*Job, error) {
	return c.jobs.CancelJob(ctx, &backupv1.CancelJobRequest{Id: id})
}

// JobFilter says which jobs are listed; empty fields ask for all.
type JobFilter struct {
	// Kinds of jobs.
	Kinds []backupv1.JobKind
	// States they are in.
	States []backupv1.JobState
	// Backup they are about.
	Backup string
}

// Jobs lists jobs, newest first.
func (c *Client) Jobs(ctx context.Context, filter JobFilter) *Iterator[*Job] {
	return paged(func(token string) ([]*Job, string, error) {
		answer, err := c.jobs.ListJobs(ctx, &backupv1.ListJobsRequest{
			Kinds:     filter.Kinds,
			States:    filter.States,
			Backup:    filter.Backup,
			PageToken: token,
		})
		return answer.GetJobs(), answer.GetNextPageToken(), err
	})
}

// WatchJob gives a job as it is, again whenever it changes, and a last time when it is over. Closing the iterator
// early does not touch the job.
func (c *Client) WatchJob(ctx context.Context, id string) *Iterator[*Job] {
	return streamed(ctx,
		func(ctx context.Context) (messages[*Job], error) {
			return c.jobs.WatchJob(ctx, &backupv1.WatchJobRequest{Id: id})
		},
		func(job *Job) []*Job { return []*Job{job} })
}

// WaitJob waits until a job is over. A server that is away for less than a minute is waited for. Ending the context
// ends the waiting and does not touch the job.
//
// Where the job did not do all it was to, it is returned together with an [*Error].
func (c *Client) WaitJob(ctx context.Context, id string, options ...WaitOption) (*Job, error) {
	var set waiting
	for _, option := range options {
		option(&set)
	}
	var last *Job
	heard := time.Now()
	for {
		watch := c.WatchJob(ctx, id)
		for watch.Next() {
			last, heard = watch.Value(), time.Now()
			if set.progress != nil {
				set.progress(last)
			}
		}
		watch.Close()
		if Over(last) {
			return last, outcome(last)
		}
		err := watch.Err()
		if err == nil {
			err = fmt.Errorf("milvusbackup: the server no longer tells of job %s: %w", id, ErrUnavailable)
		}
		if ctx.Err() != nil || !passing(err) || time.Since(heard) > patience {
			return last, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// passing tells whether a watch that broke may be taken up again: the connection or something on the way did it, not
// the server's answer to what was asked.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown, codes.ResourceExhausted:
		return true
	default:
		return false
	}
}

// Over tells whether nothing more is to come of a job.
func Over(job *Job) bool {
	switch job.GetState() {
	case backupv1.JobState_JOB_STATE_UNSPECIFIED, backupv1.JobState_JOB_STATE_QUEUED, backupv1.JobState_JOB_STATE_RUNNING:
		return false
	default:
		return true
	}
}

// outcome is why a job that is over did not do all, or nil.
func outcome(job *Job) error {
	if job.GetState() == backupv1.JobState_JOB_STATE_SUCCEEDED {
		return nil
	}
	failure := job.GetFailure()
	if failure == nil {
		failure = &backupv1.Failure{Kind: "failed", Message: "the job ended as " + job.GetState().String()}
		switch job.GetState() {
		case backupv1.JobState_JOB_STATE_PARTIAL:
			failure.Kind = "partial"
		case backupv1.JobState_JOB_STATE_CANCELLED, backupv1.JobState_JOB_STATE_INTERRUPTED:
			failure.Kind = "interrupted"
		}
	}
	return newError(failure, job.GetId(), nil)
}

// do hands a job in under an id and waits for it, and cancels it where the context ends first.
func (c *Client) do(ctx context.Context, id string, start func(id string) (*Job, error), options []WaitOption) (*Job, error) {
	// A job with an id of our own can be cancelled even where it was not heard that it was taken in; an id of the
	// caller's may be that of another job.
	ours := id == ""
	if ours {
		id = uuid.New()
	}
	job, err := start(id)
	switch {
	case err == nil:
		id = job.GetId()
		if last, failed := c.WaitJob(ctx, id, options...); last != nil {
			job, err = last, failed
		} else {
			err = failed
		}
	case !ours:
		return nil, err
	}
	if err == nil || Over(job) || !ended(ctx, err) {
		return job, err
	}
	late, done := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer done()
	switch cancelled, failed := c.CancelJob(late, id); {
	case failed == nil:
		return cancelled, err
	case job == nil && errors.Is(failed, ErrNotFound):
		return nil, err // it was not taken in
	default:
		return job, errors.Join(err, fmt.Errorf("cancelling job %s: %w", id, failed))
	}
}

// ended tells whether a context is why a call failed; the server may have told of its deadline before its own clock did.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)
}

// handedIn is a job of which no more is known.
func handedIn(kind backupv1.JobKind, id, backup string) *Job {
	return &Job{Id: id, Kind: kind, Backup: backup, State: backupv1.JobState_JOB_STATE_QUEUED}
}

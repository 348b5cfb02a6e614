package milvusbackup

import (
	"context"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// Job is the current state of a backup, a restore or a deletion.
type Job = backupv1.Job

// GetJob returns the state, the progress and the result of a job.
func (c *Client) GetJob(ctx context.Context, id string) (*Job, error) {
	return c.jobs.GetJob(ctx, &backupv1.GetJobRequest{Id: id})
}

// CancelJob cancels a job: a queued job immediately, a running job at its next safe point. It does not wait until a
// running job has stopped; WaitJob does. It fails with ErrBusy if the job has already finished.
func (c *Client) CancelJob(ctx context.Context, id string) (*Job, error) {
	return c.jobs.CancelJob(ctx, &backupv1.CancelJobRequest{Id: id})
}

// JobFilter selects jobs. An empty field selects all jobs.
type JobFilter struct {
	// Kinds selects jobs of these kinds.
	Kinds []backupv1.JobKind
	// States selects jobs in these states.
	States []backupv1.JobState
	// Backup selects jobs of the backup with this name.
	Backup string
}

// ListJobs lists the jobs that match a filter, newest first.
func (c *Client) ListJobs(ctx context.Context, filter JobFilter) *Iterator[*Job] {
	return iteratePages(func(token string) ([]*Job, string, error) {
		response, err := c.jobs.ListJobs(ctx, &backupv1.ListJobsRequest{
			Kinds:     filter.Kinds,
			States:    filter.States,
			Backup:    filter.Backup,
			PageToken: token,
		})
		return response.GetJobs(), response.GetNextPageToken(), err
	})
}

// WatchJob returns the job at once, after each change (at most four times a second), and a last time when it has
// finished. Closing the iterator earlier does not affect the job.
func (c *Client) WatchJob(ctx context.Context, id string) *Iterator[*Job] {
	return iterateStream(ctx,
		func(ctx context.Context) (receiver[*Job], error) {
			return c.jobs.WatchJob(ctx, &backupv1.WatchJobRequest{Id: id})
		},
		func(job *Job) []*Job { return []*Job{job} })
}

// Finished reports whether a job has finished: it is neither queued nor running.
func Finished(job *Job) bool {
	switch job.GetState() {
	case backupv1.JobState_JOB_STATE_UNSPECIFIED, backupv1.JobState_JOB_STATE_QUEUED, backupv1.JobState_JOB_STATE_RUNNING:
		return false
	default:
		return true
	}
}

// jobError returns the reason why a finished job did not complete everything, or nil if it succeeded.
func jobError(job *Job) error {
	if job.GetState() == backupv1.JobState_JOB_STATE_SUCCEEDED {
		return nil
	}
	failure := job.GetFailure()
	if failure == nil {
		failure = &backupv1.Failure{Kind: "failed", Message: "the job finished in the state " + job.GetState().String()}
		switch job.GetState() {
		case backupv1.JobState_JOB_STATE_PARTIAL:
			failure.Kind = "partial"
		case backupv1.JobState_JOB_STATE_CANCELLED, backupv1.JobState_JOB_STATE_INTERRUPTED:
			failure.Kind = "interrupted"
		}
	}
	return newError(failure, job.GetId(), nil)
}

package milvusbackup

import (
	"context"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// DeletionRequest names a backup to delete.
type DeletionRequest struct {
	// Backup is the name of the backup.
	Backup string
	// JobID is the id of the job; generated if it is empty. The server rejects an id that another job has.
	JobID string
}

func (r DeletionRequest) message() *backupv1.DeleteBackupRequest {
	return &backupv1.DeleteBackupRequest{JobId: r.JobID, Backup: r.Backup}
}

// DeleteBackup deletes a backup with all its files and waits until the job has finished. If the context ends first, it
// cancels the job; the files that were not deleted by then remain as an unfinished backup.
func (c *Client) DeleteBackup(ctx context.Context, request DeletionRequest, options ...WaitOption) (*Job, error) {
	submit := func(id string) (*Job, error) {
		request.JobID = id
		return c.StartDeletion(ctx, request)
	}
	return c.runJob(ctx, request.JobID, submit, options)
}

// StartDeletion submits a job that deletes a backup and returns the job at once.
func (c *Client) StartDeletion(ctx context.Context, request DeletionRequest) (*Job, error) {
	return c.backups.DeleteBackup(ctx, request.message())
}

// DeletionPlan describes what a deletion would delete.
type DeletionPlan = backupv1.DeletionPlan

// PlanDeletion returns what DeleteBackup would delete, and deletes nothing. It ignores JobID.
func (c *Client) PlanDeletion(ctx context.Context, request DeletionRequest) (*DeletionPlan, error) {
	return c.backups.PlanDeletion(ctx, request.message())
}

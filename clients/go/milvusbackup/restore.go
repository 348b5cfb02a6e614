package milvusbackup

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// RestoreRequest describes a restore. With Backup alone, it restores all collections under their names in the backup,
// creates their indexes and aliases, and loads those that were loaded in the source.
type RestoreRequest struct {
	// Backup is the name of the backup.
	Backup string
	// JobID is the id of the job; generated if it is empty. The server rejects an id that another job has.
	JobID string
	// Filter selects the collections to restore by their names in the backup. It is written like the filter of a
	// [BackupRequest]; an empty filter selects everything.
	Filter string
	// Rename maps names in the backup to new names: "db.collection" to "db.collection", or "db.*" to "db.*".
	Rename map[string]string
	// Suffix is appended to the name of every collection that is not renamed.
	Suffix string
	// Existing is the treatment of target collections that exist already.
	Existing Existing
	// MetaOnly restores collections without their data.
	MetaOnly bool
	// SkipIndexes creates no indexes.
	SkipIndexes bool
	// AutoIndex creates vector indexes as AUTOINDEX, with the same metric.
	AutoIndex bool
	// DropIndexes drops the indexes of target collections that exist already.
	DropIndexes bool
	// SkipLoad loads no collections.
	SkipLoad bool
	// SkipAliases creates no aliases.
	SkipAliases bool
	// CleanupOnFailure drops a collection that the restore created and whose import failed.
	CleanupOnFailure bool
}

// Existing is the treatment of target collections that exist already.
type Existing string

// The treatments of target collections that exist already.
const (
	// ExistingRefuse rejects the restore if a target collection exists.
	ExistingRefuse Existing = ""
	// ExistingDrop drops a target collection that exists and creates it from the backup.
	ExistingDrop Existing = "drop"
	// ExistingUse imports into target collections that exist, and requires that all of them do.
	ExistingUse Existing = "use"
)

func (r RestoreRequest) message() *backupv1.RestoreBackupRequest {
	return &backupv1.RestoreBackupRequest{
		JobId:            r.JobID,
		Backup:           r.Backup,
		Filter:           r.Filter,
		Rename:           r.Rename,
		Suffix:           r.Suffix,
		Existing:         string(r.Existing),
		MetaOnly:         r.MetaOnly,
		Indexes:          falseIf(r.SkipIndexes),
		AutoIndex:        r.AutoIndex,
		DropIndexes:      r.DropIndexes,
		Load:             falseIf(r.SkipLoad),
		Aliases:          falseIf(r.SkipAliases),
		CleanupOnFailure: r.CleanupOnFailure,
	}
}

// falseIf returns false if a step is to be skipped, and otherwise nil, which is the default of the server.
func falseIf(skip bool) *bool {
	if skip {
		return proto.Bool(false)
	}
	return nil
}

// RestoreBackup restores collections of a backup and waits until the job has finished. If the context ends first, it
// cancels the job; collections that were restored by then remain, and the hint of the job's failure describes them.
//
// If the job started but did not complete everything, RestoreBackup returns the job and an error. errors.Is(err,
// ErrPartial) means that some collections are restored, which the result of the job names.
func (c *Client) RestoreBackup(ctx context.Context, request RestoreRequest, options ...WaitOption) (*Job, error) {
	submit := func(id string) (*Job, error) {
		request.JobID = id
		return c.StartRestore(ctx, request)
	}
	return c.runJob(ctx, request.JobID, submit, options)
}

// StartRestore submits a job that restores collections of a backup and returns the job at once.
func (c *Client) StartRestore(ctx context.Context, request RestoreRequest) (*Job, error) {
	return c.backups.RestoreBackup(ctx, request.message())
}

// RestorePlan describes what a restore would do.
type RestorePlan = backupv1.RestorePlan

// PlanRestore returns what RestoreBackup would do, and changes nothing. It ignores JobID.
func (c *Client) PlanRestore(ctx context.Context, request RestoreRequest) (*RestorePlan, error) {
	return c.backups.PlanRestore(ctx, request.message())
}

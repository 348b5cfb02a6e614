package milvusbackup

import (
	"context"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// Strategy is the way in which the newest rows get into a backup.
type Strategy string

// The strategies.
const (
	// StrategyAuto selects the strategy that suits the version of Milvus.
	StrategyAuto Strategy = ""
	// StrategySerialFlush flushes each collection immediately before it is read.
	StrategySerialFlush Strategy = "serial_flush"
	// StrategyBulkFlush flushes the whole cluster once, which requires Milvus 2.6.11 or later. The server does not
	// support it yet.
	StrategyBulkFlush Strategy = "bulk_flush"
	// StrategySkipFlush backs up only the rows that have been flushed already.
	StrategySkipFlush Strategy = "skip_flush"
	// StrategyMetaOnly backs up schemas and indexes without data.
	StrategyMetaOnly Strategy = "meta_only"
)

// Format is the format in which a backup stores rows.
type Format string

// The formats.
const (
	// FormatAuto selects FormatBinlog on every version of Milvus.
	FormatAuto Format = ""
	// FormatBinlog copies the files of each collection.
	FormatBinlog Format = "binlog"
	// FormatSnapshot lets Milvus export a snapshot of each collection, which requires Milvus 3.0.1 or later.
	FormatSnapshot Format = "snapshot"
)

// BackupRequest describes a backup to create. The zero value is a backup of everything under a generated name.
type BackupRequest struct {
	// Name is the name of the backup: a letter or _, then up to 127 letters, digits or _. If it is empty, the server
	// generates it from the current time.
	Name string
	// JobID is the id of the job; generated if it is empty. The server rejects an id that another job has.
	JobID string
	// Filter selects the collections to back up: a comma-separated list of "db.*", "db.collection", "collection" (in
	// the database default) and "db." (the database without its collections). Names may contain the wildcards * and ?.
	// An empty filter selects everything.
	Filter string
	// Strategy is the way in which the newest rows get into the backup.
	Strategy Strategy
	// Format is the format in which the backup stores rows.
	Format Format
	// Strict makes the backup fail if a collection is dropped while it is read or would lack rows. Otherwise, such a
	// collection is left out and reported.
	Strict bool
	// PauseGC pauses Milvus's garbage collection during the backup, even if the configuration of the server does not.
	PauseGC bool
}

func (r BackupRequest) message() *backupv1.CreateBackupRequest {
	return &backupv1.CreateBackupRequest{
		JobId:    r.JobID,
		Name:     r.Name,
		Filter:   r.Filter,
		Strategy: string(r.Strategy),
		Format:   string(r.Format),
		Strict:   r.Strict,
		PauseGc:  r.PauseGC,
	}
}

// CreateBackup creates a backup and waits until its job has finished. If the context ends first, it cancels the job;
// the files that were copied by then remain as an unfinished backup.
//
// If the job started but did not complete everything, CreateBackup returns the job and an error. errors.Is(err,
// ErrPartial) means that the backup lacks collections, which the result of the job names: they were dropped during the
// backup, or were left out because rows would be missing.
func (c *Client) CreateBackup(ctx context.Context, request BackupRequest, options ...WaitOption) (*Job, error) {
	submit := func(id string) (*Job, error) {
		request.JobID = id
		return c.StartBackup(ctx, request)
	}
	return c.runJob(ctx, request.JobID, submit, options)
}

// StartBackup submits a job that creates a backup and returns the job at once.
func (c *Client) StartBackup(ctx context.Context, request BackupRequest) (*Job, error) {
	return c.backups.CreateBackup(ctx, request.message())
}

// BackupPlan describes what a backup would do.
type BackupPlan = backupv1.BackupPlan

// PlanBackup returns what CreateBackup would do, and changes nothing. It ignores JobID.
func (c *Client) PlanBackup(ctx context.Context, request BackupRequest) (*BackupPlan, error) {
	return c.backups.PlanBackup(ctx, request.message())
}

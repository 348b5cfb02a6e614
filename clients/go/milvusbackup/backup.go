package milvusbackup

import (
	"context"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// Strategy is how the newest rows get into a backup.
type Strategy string

// The strategies.
const (
	// Auto is what suits the Milvus.
	Auto Strategy = ""
	// SerialFlush flushes each collection just before it is read.
	SerialFlush Strategy = "serial_flush"
	// BulkFlush flushes the cluster once (Milvus 2.6.11 and later); the server does not support it yet.
	BulkFlush Strategy = "bulk_flush"
	// SkipFlush takes only what is flushed already.
	SkipFlush Strategy = "skip_flush"
	// MetaOnly takes schemas and indexes, no data.
	MetaOnly Strategy = "meta_only"
)

// BackupRequest says what to take.
type BackupRequest struct {
	// Name of the backup: a letter or _, then letters, digits and _. The server makes one of the time where it is empty.
	Name string
	// ID of the backup and its job. The server makes one where it is empty.
	ID string
	// Collections to take, as "collection" or "database.collection"; all where this and Databases are empty.
	Collections []string
	// Databases to take, with their collections: none is the database alone, "*" all of them. Goes before Collections.
	Databases map[string][]string
	// Strategy is how the newest rows get into it.
	Strategy Strategy
	// PauseGC keeps Milvus from removing files meanwhile, where it can be asked to.
	PauseGC bool
	// Root is another root of backups, where the server allows it.
	Root string
}

func (r BackupRequest) message() *backuppb.CreateBackupRequest {
	message := &backuppb.CreateBackupRequest{
		RequestId:       r.ID,
		BackupName:      r.Name,
		Async:           true,
		CollectionNames: r.Collections,
		Strategy:        string(r.Strategy),
		GcPauseEnable:   r.PauseGC,
		BackupRootPath:  r.Root,
	}
	if len(r.Databases) > 0 {
		message.Filter = make(map[string]*backuppb.CollFilter, len(r.Databases))
		for database, collections := range r.Databases {
			message.Filter[database] = &backuppb.CollFilter{Colls: collections}
		}
	}
	return message
}

// CreateBackup takes a backup and waits for its end. Ending the context cancels it; what was made by then is left as
// an unfinished backup.
//
// The job is returned together with an error where it began and did not do all: errors.Is(err, ErrPartial) where a
// collection vanished while it was read, or was left out because rows of it would be missing.
func (c *Client) CreateBackup(ctx context.Context, request BackupRequest, options ...WaitOption) (*Job, error) {
	start := func(id string) (*Job, error) {
		request.ID = id
		return c.StartBackup(ctx, request)
	}
	return c.do(ctx, request.ID, start, options)
}

// StartBackup hands in a backup and returns its job at once, as it was handed in.
func (c *Client) StartBackup(ctx context.Context, request BackupRequest) (*Job, error) {
	answer, err := c.raw.CreateBackup(ctx, request.message())
	if err != nil {
		return nil, err
	}
	made := answer.GetData()
	return handedIn(backupv1.JobKind_JOB_KIND_BACKUP, made.GetId(), made.GetName()), nil
}

// GetBackup tells what a backup holds, down to its files. WithoutFiles leaves out partitions, segments and files, of
// which there may be very many; Segments has them one after the other.
func (c *Client) GetBackup(ctx context.Context, name string, options ...GetOption) (*backuppb.BackupInfo, error) {
	request := &backuppb.GetBackupRequest{BackupName: name}
	for _, option := range options {
		option(request)
	}
	answer, err := c.raw.GetBackup(ctx, request)
	return answer.GetData(), err
}

// GetOption says how much is told of a backup.
type GetOption func(*backuppb.GetBackupRequest)

// WithoutFiles leaves out partitions, segments and files.
func WithoutFiles() GetOption {
	return func(request *backuppb.GetBackupRequest) { request.WithoutDetail = true }
}

// Summary is a backup as it stands in a list.
type Summary = backupv1.Backup

// Backups lists the backups by name.
func (c *Client) Backups(ctx context.Context) *Iterator[*Summary] {
	return paged(func(token string) ([]*Summary, string, error) {
		answer, err := c.catalog.ListBackups(ctx, &backupv1.ListBackupsRequest{PageToken: token})
		return answer.GetBackups(), answer.GetNextPageToken(), err
	})
}

// Segment is a segment of a backup with its files.
type Segment struct {
	// Database and Collection it belongs to.
	Database, Collection string
	*backuppb.SegmentBackupInfo
}

// Segments lists the segments of a backup, however many there are.
func (c *Client) Segments(ctx context.Context, backup string) *Iterator[Segment] {
	return streamed(ctx,
		func(ctx context.Context) (messages[*backupv1.ListSegmentsResponse], error) {
			return c.catalog.ListSegments(ctx, &backupv1.ListSegmentsRequest{Backup: backup})
		},
		func(answer *backupv1.ListSegmentsResponse) []Segment {
			segments := make([]Segment, 0, len(answer.GetSegments()))
			for _, segment := range answer.GetSegments() {
				segments = append(segments, Segment{answer.GetDatabase(), answer.GetCollection(), segment})
			}
			return segments
		})
}

// DeleteBackup removes a backup with all its files, and waits until they are gone.
func (c *Client) DeleteBackup(ctx context.Context, name string) error {
	_, err := c.raw.DeleteBackup(ctx, &backuppb.DeleteBackupRequest{BackupName: name})
	return err
}

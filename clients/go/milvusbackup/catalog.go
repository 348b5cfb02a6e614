package milvusbackup

import (
	"context"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// GetBackup returns what a backup contains, down to its files. WithoutFiles omits partitions, segments and files, of
// which there can be very many; ListSegments reads them in small messages.
func (c *Client) GetBackup(ctx context.Context, name string, options ...GetOption) (*backuppb.BackupInfo, error) {
	request := &backuppb.GetBackupRequest{BackupName: name}
	for _, option := range options {
		option(request)
	}
	response, err := c.raw.GetBackup(ctx, request)
	return response.GetData(), err
}

// GetOption changes what GetBackup returns.
type GetOption func(*backuppb.GetBackupRequest)

// WithoutFiles omits partitions, segments and files.
func WithoutFiles() GetOption {
	return func(request *backuppb.GetBackupRequest) { request.WithoutDetail = true }
}

// BackupSummary is the short form of a backup that lists contain.
type BackupSummary = backupv1.Backup

// ListBackups lists the backups by name.
func (c *Client) ListBackups(ctx context.Context) *Iterator[*BackupSummary] {
	return iteratePages(func(token string) ([]*BackupSummary, string, error) {
		response, err := c.catalog.ListBackups(ctx, &backupv1.ListBackupsRequest{PageToken: token})
		return response.GetBackups(), response.GetNextPageToken(), err
	})
}

// Segment is a segment of a backup with its files.
type Segment struct {
	// Database and Collection are the names of the database and the collection that contain the segment.
	Database, Collection string
	*backuppb.SegmentBackupInfo
}

// ListSegments lists the segments of a backup, in messages of bounded size for any number of segments.
func (c *Client) ListSegments(ctx context.Context, backup string) *Iterator[Segment] {
	return iterateStream(ctx,
		func(ctx context.Context) (receiver[*backupv1.ListSegmentsResponse], error) {
			return c.catalog.ListSegments(ctx, &backupv1.ListSegmentsRequest{Backup: backup})
		},
		func(response *backupv1.ListSegmentsResponse) []Segment {
			segments := make([]Segment, 0, len(response.GetSegments()))
			for _, segment := range response.GetSegments() {
				segments = append(segments, Segment{response.GetDatabase(), response.GetCollection(), segment})
			}
			return segments
		})
}

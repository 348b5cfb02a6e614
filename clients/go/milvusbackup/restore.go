package milvusbackup

import (
	"context"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

// RestoreRequest says what to restore, and how. Collections are left unloaded and aliases uncreated, as the service of
// release 0.4.15 does.
type RestoreRequest struct {
	// Backup is the name of the backup.
	Backup string
	// ID of the job. The server makes one where it is empty.
	ID string
	// Collections to restore by their names in the backup, as "collection" or "database.collection"; all where this
	// and Databases are empty.
	Collections []string
	// Databases to restore, with their collections: none is all of them. Goes before Collections.
	Databases map[string][]string
	// Suffix is appended to the name of every collection.
	Suffix string
	// Renames gives collections other names: "old" to "new", "db1.old" to "db2.new", or "db1.*" to "db2.*".
	Renames map[string]string
	// Plan says what goes where, one by one; it excludes Suffix and Renames.
	Plan *backuppb.RestorePlan
	// MetaOnly leaves the data out.
	MetaOnly bool
	// SkipIndexes leaves the indexes out.
	SkipIndexes bool
	// AutoIndex makes vector indexes AUTOINDEX with the same metric.
	AutoIndex bool
	// Existing says what to do with target collections that exist.
	Existing Existing
	// MaxShards bounds the number of shards; 0 does not.
	MaxShards int32
	// Bucket and Root are where the backup lies, if not where the server's configuration says, where it allows that.
	Bucket, Root string
}

// Existing is what to do with target collections that exist.
type Existing int

// What can be done.
const (
	// Refuse refuses the restore.
	Refuse Existing = iota
	// Drop drops them and creates them anew.
	Drop
	// Use imports into them; they must exist.
	Use
)

func (r RestoreRequest) message() *backuppb.RestoreBackupRequest {
	message := &backuppb.RestoreBackupRequest{
		Id:                   r.ID,
		BackupName:           r.Backup,
		Async:                true,
		CollectionNames:      r.Collections,
		CollectionSuffix:     r.Suffix,
		CollectionRenames:    r.Renames,
		RestorePlan:          r.Plan,
		MetaOnly:             r.MetaOnly,
		RestoreIndex:         !r.SkipIndexes,
		UseAutoIndex:         r.AutoIndex,
		DropExistCollection:  r.Existing == Drop,
		SkipCreateCollection: r.Existing == Use,
		MaxShardNum:          r.MaxShards,
		BucketName:           r.Bucket,
		Path:                 r.Root,
	}
	if len(r.Databases) > 0 {
		databases := make(map[string]*structpb.Value, len(r.Databases))
		for database, collections := range r.Databases {
			names := make([]*structpb.Value, 0, len(collections))
			for _, collection := range collections {
				names = append(names, structpb.NewStringValue(collection))
			}
			databases[database] = structpb.NewListValue(&structpb.ListValue{Values: names})
		}
		message.DbCollections = structpb.NewStructValue(&structpb.Struct{Fields: databases})
	}
	return message
}

// Restore restores a backup and waits for its end. Ending the context cancels it; what was restored by then stays, as
// the hint of the error says.
//
// The job is returned together with an error where it began and did not do all: errors.Is(err, ErrPartial) where some
// collections are restored; the job's result tells which.
func (c *Client) Restore(ctx context.Context, request RestoreRequest, options ...WaitOption) (*Job, error) {
	start := func(id string) (*Job, error) {
		request.ID = id
		return c.StartRestore(ctx, request)
	}
	return c.do(ctx, request.ID, start, options)
}

// StartRestore hands in a restore and returns its job at once, as it was handed in.
func (c *Client) StartRestore(ctx context.Context, request RestoreRequest) (*Job, error) {
	answer, err := c.raw.RestoreBackup(ctx, request.message())
	if err != nil {
		return nil, err
	}
	return handedIn(backupv1.JobKind_JOB_KIND_RESTORE, answer.GetData().GetId(), request.Backup), nil
}

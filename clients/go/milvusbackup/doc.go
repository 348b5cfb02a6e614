// Package milvusbackup is a client of the Milvus Backup server.
//
// A [Client] speaks gRPC to `milvus-backup server`:
//
//	client, err := milvusbackup.New("backup.example.com:8080", milvusbackup.WithToken(token))
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"})
//
// CreateBackup and Restore wait for the end of what they begin; ending their context cancels it. StartBackup and
// StartRestore return at once with a job that goes on by itself, to be followed with WaitJob or WatchJob.
//
// Errors of the server are of the type [*Error], which carries the hint that the command line prints, and answer to
// errors.Is with [ErrNotFound] and the other variables of this package. Where the context of a call ended, its error is
// the context's: [context.Canceled] or [context.DeadlineExceeded]. Both have gRPC's code, for status.Code.
//
// The messages of release 0.4.15 of Milvus Backup (Go), and its service, are in the package backuppb; [Client.Raw]
// gives the stub. A program cannot link that package beside the Go tool's own of the same name: both define the
// protobuf package milvus.proto.backup.
package milvusbackup

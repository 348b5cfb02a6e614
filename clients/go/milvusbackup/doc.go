// Package milvusbackup is a client for the Milvus Backup server.
//
// A [Client] calls `milvus-backup server` over gRPC:
//
//	client, err := milvusbackup.New("backup.example.com:8080", milvusbackup.WithToken(token))
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"})
//
// CreateBackup, RestoreBackup and DeleteBackup submit a job and wait until it has finished. If their context ends
// first, they cancel the job. StartBackup, StartRestore and StartDeletion submit a job and return it at once; WaitJob,
// WatchJob, GetJob and CancelJob take its id. PlanBackup, PlanRestore and PlanDeletion return what a job would do, and
// change nothing.
//
// A zero field of a request is the default of the server, as in /api/v2 and on the command line.
//
// Errors of the server are of the type [*Error], with a kind, a message and a hint. errors.Is compares their kind with
// [ErrNotFound] and the other variables of this package. If the context of a call ended, the error is that of the
// context: [context.Canceled] or [context.DeadlineExceeded]. For both kinds of error, status.Code returns the code of
// gRPC.
//
// [Client.Raw] returns the stub of the service of release 0.4.15 of Milvus Backup (Go). It has the requests that the
// methods of the client do not have: a restore by a plan of names, a limit for shards, and another bucket or root path.
// Its messages are in the package backuppb. A program cannot link that package and the package backuppb of the Go tool,
// because both define the protobuf package milvus.proto.backup.
package milvusbackup

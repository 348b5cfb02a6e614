//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/core"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

const rows = 1000

func TestABackupIsTakenRestoredAndDeleted(t *testing.T) {
	m := runningMilvus(t)
	name := m.collection(t, rows)
	client := connect(t, serve(t, m, ""), milvusbackup.WithInsecure(), milvusbackup.WithToken(admin))
	ctx := deadline(t)

	var states []backupv1.JobState
	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly", ID: "backup-1", Collections: []string{name}},
		milvusbackup.OnProgress(func(job *milvusbackup.Job) { states = append(states, job.GetState()) }))
	if err != nil {
		t.Fatal(err)
	}
	if made := job.GetResult().GetBackup(); job.GetId() != "backup-1" || made.GetRows() != rows || made.GetCollections() != 1 {
		t.Errorf("made %v", job)
	}
	if len(states) == 0 || states[len(states)-1] != backupv1.JobState_JOB_STATE_SUCCEEDED {
		t.Errorf("went through %v", states)
	}

	if _, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"}); !errors.Is(err, milvusbackup.ErrExists) {
		t.Errorf("the same name again: %v", err)
	}

	info, err := client.GetBackup(ctx, "nightly")
	if err != nil {
		t.Fatal(err)
	}
	if info.GetId() != "backup-1" || info.GetStateCode() != backuppb.BackupTaskStateCode_BACKUP_SUCCESS ||
		info.GetCollectionBackups()[0].GetCollectionName() != name || len(info.GetCollectionBackups()[0].GetPartitionBackups()) != 1 {
		t.Errorf("it is %v", info)
	}
	brief, err := client.GetBackup(ctx, "nightly", milvusbackup.WithoutFiles())
	if err != nil || len(brief.GetCollectionBackups()[0].GetPartitionBackups()) != 0 {
		t.Errorf("without files: %v, %v", brief, err)
	}

	var told int64
	segments := client.Segments(ctx, "nightly")
	for segments.Next() {
		told += segments.Value().GetNumOfRows()
		if segments.Value().Collection != name || len(segments.Value().GetBinlogs()) == 0 {
			t.Errorf("%v", segments.Value())
		}
	}
	if segments.Err() != nil || told != rows {
		t.Errorf("segments of %d rows, %v", told, segments.Err())
	}

	job, err = client.Restore(ctx, milvusbackup.RestoreRequest{Backup: "nightly", Suffix: "_back"})
	if err != nil {
		t.Fatal(err)
	}
	if back := job.GetResult().GetRestore(); back.GetRows() != rows || !strings.HasSuffix(back.GetCollections()[0].GetTarget(), name+"_back") {
		t.Errorf("restored %v", job)
	}
	if !slices.Contains(m.collections(t), name+"_back") {
		t.Errorf("there is no %s_back in Milvus", name)
	}
	if _, err := client.Restore(ctx, milvusbackup.RestoreRequest{Backup: "nightly"}); !errors.Is(err, milvusbackup.ErrExists) {
		t.Errorf("into a collection that exists: %v", err)
	}

	jobs := client.Jobs(ctx, milvusbackup.JobFilter{Kinds: []backupv1.JobKind{backupv1.JobKind_JOB_KIND_RESTORE}})
	if !jobs.Next() || jobs.Value().GetBackup() != "nightly" {
		t.Errorf("the jobs do not have the restore first: %v", jobs.Err())
	}

	if err := client.DeleteBackup(ctx, "nightly"); err != nil {
		t.Fatal(err)
	}
	backups := client.Backups(ctx)
	if backups.Next() || backups.Err() != nil {
		t.Errorf("after the deletion there is %v, %v", backups.Value(), backups.Err())
	}
	var failure *milvusbackup.Error
	if _, err := client.GetBackup(ctx, "nightly"); !errors.Is(err, milvusbackup.ErrNotFound) || !errors.As(err, &failure) || failure.Hint == "" {
		t.Errorf("a backup that is gone: %v", err)
	}
}

func TestCodeForCoreMovesOver(t *testing.T) {
	m := runningMilvus(t)
	name := m.collection(t, rows)
	ctx := deadline(t)
	backup := core.CreateBackupContext(ctx, connect(t, serve(t, m, ""), milvusbackup.WithInsecure(), milvusbackup.WithToken(admin)))
	if err := backup.Start(); err != nil {
		t.Fatal(err)
	}
	defer backup.Close()

	made := backup.CreateBackup(ctx, &backuppb.CreateBackupRequest{BackupName: "nightly", CollectionNames: []string{name}})
	if made.GetCode() != backuppb.ResponseCode_Success || made.GetData().GetStateCode() != backuppb.BackupTaskStateCode_BACKUP_SUCCESS {
		t.Fatal(made)
	}
	list := backup.ListBackups(ctx, &backuppb.ListBackupsRequest{CollectionName: name})
	if list.GetCode() != backuppb.ResponseCode_Success || len(list.GetData()) != 1 || len(list.GetData()[0].GetCollectionBackups()) != 1 {
		t.Error(list)
	}
	back := backup.RestoreBackup(ctx, &backuppb.RestoreBackupRequest{BackupName: "nightly", CollectionSuffix: "_back"})
	if back.GetCode() != backuppb.ResponseCode_Success || back.GetData().GetStateCode() != backuppb.RestoreTaskStateCode_SUCCESS {
		t.Fatal(back)
	}
	task := backup.GetRestore(ctx, &backuppb.GetRestoreStateRequest{Id: back.GetData().GetId()})
	if task.GetData().GetProgress() != 100 || task.GetData().GetCollectionRestoreTasks()[0].GetTargetCollectionName() != name+"_back" {
		t.Error(task)
	}
	if said := backup.Check(ctx); !strings.Contains(said, "milvus") {
		t.Error(said)
	}
	if gone := backup.DeleteBackup(ctx, &backuppb.DeleteBackupRequest{BackupName: "nightly"}); gone.GetCode() != backuppb.ResponseCode_Success {
		t.Error(gone)
	}
	named := metadata.AppendToOutgoingContext(ctx, "x-request-id", "request-1")
	missing := backup.GetBackup(named, &backuppb.GetBackupRequest{BackupName: "nightly"})
	if missing.GetCode() != backuppb.ResponseCode_Request_Object_Not_Found || missing.GetRequestId() != "request-1" {
		t.Error(missing)
	}
	again := backup.RestoreBackup(ctx, &backuppb.RestoreBackupRequest{BackupName: "nightly"})
	if again.GetCode() != backuppb.ResponseCode_Fail {
		t.Error(again)
	}
	refused := backup.CreateBackup(ctx, &backuppb.CreateBackupRequest{BackupName: "no name"})
	if refused.GetCode() != backuppb.ResponseCode_Parameter_Error || refused.GetMsg() == "" {
		t.Error(refused)
	}
}

func TestTheDoorIsLocked(t *testing.T) {
	address := serve(t, runningMilvus(t), "")
	ctx := deadline(t)
	nobody := connect(t, address, milvusbackup.WithInsecure())
	if _, err := nobody.GetBackup(ctx, "nightly"); !errors.Is(err, milvusbackup.ErrUnauthenticated) {
		t.Errorf("without a token: %v", err)
	}
	if _, err := grpc_health_v1.NewHealthClient(nobody.Conn()).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("health needs a token: %v", err)
	}
	wrong := connect(t, address, milvusbackup.WithInsecure(), milvusbackup.WithToken("wrong"))
	if backups := wrong.Backups(ctx); backups.Next() || !errors.Is(backups.Err(), milvusbackup.ErrUnauthenticated) {
		t.Errorf("with a wrong token: %v", backups.Err())
	}
	reads := connect(t, address, milvusbackup.WithInsecure(), milvusbackup.WithToken(reader))
	if backups := reads.Backups(ctx); backups.Next() || backups.Err() != nil {
		t.Errorf("a reader may not read: %v", backups.Err())
	}
	if _, err := reads.StartBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"}); !errors.Is(err, milvusbackup.ErrForbidden) {
		t.Errorf("a reader takes a backup: %v", err)
	}
}

func TestEndingTheContextCancelsTheJob(t *testing.T) {
	m := runningMilvus(t)
	name := m.collection(t, rows)
	client := connect(t, serve(t, m, ""), milvusbackup.WithInsecure(), milvusbackup.WithToken(admin))
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	_, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly", ID: "backup-1", Collections: []string{name}},
		milvusbackup.OnProgress(func(*milvusbackup.Job) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// It may have been done when it was told to stop, but it does not go on.
	job, err := client.WaitJob(deadline(t), "backup-1")
	if !milvusbackup.Over(job) || (err != nil && !errors.Is(err, milvusbackup.ErrCancelled)) {
		t.Errorf("%v with %v", err, job)
	}
}

func TestTheExampleRuns(t *testing.T) {
	m := runningMilvus(t)
	name := m.collection(t, rows)
	address := serve(t, m, "")
	command := exec.CommandContext(deadline(t), "go", "run", "../examples/backup_and_restore",
		"-server", address, "-insecure", "-token", admin, "-name", "example", "-collection", name, "-suffix", "_back")
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, line := range []string{"backup example: 1 collections, 1000 rows", "_back: 1000 rows"} {
		if !strings.Contains(string(said), line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
}

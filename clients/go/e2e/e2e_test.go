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

func TestCreateRestoreAndDelete(t *testing.T) {
	m := runningMilvus(t)
	name := m.createCollection(t, rows)
	client := connect(t, startServer(t, m, ""), milvusbackup.WithInsecure(), milvusbackup.WithToken(admin))
	ctx := testContext(t)

	request := milvusbackup.BackupRequest{Name: "nightly", JobID: "backup-1", Filter: name}
	plan, err := client.PlanBackup(ctx, request)
	if err != nil || plan.GetName() != "nightly" || len(plan.GetCollections()) != 1 || plan.GetCollections()[0].GetName() != "default."+name {
		t.Errorf("the plan of the backup is %v, error: %v", plan, err)
	}
	var states []backupv1.JobState
	job, err := client.CreateBackup(ctx, request,
		milvusbackup.OnProgress(func(job *milvusbackup.Job) { states = append(states, job.GetState()) }))
	if err != nil {
		t.Fatal(err)
	}
	if result := job.GetResult().GetBackup(); job.GetId() != "backup-1" || result.GetRows() != rows || result.GetCollections() != 1 {
		t.Errorf("the job is %v", job)
	}
	if len(states) == 0 || states[len(states)-1] != backupv1.JobState_JOB_STATE_SUCCEEDED {
		t.Errorf("the states of the job are %v", states)
	}

	if _, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"}); !errors.Is(err, milvusbackup.ErrExists) {
		t.Errorf("a second backup of the same name: %v", err)
	}

	info, err := client.GetBackup(ctx, "nightly")
	if err != nil {
		t.Fatal(err)
	}
	if info.GetId() != "backup-1" || info.GetStateCode() != backuppb.BackupTaskStateCode_BACKUP_SUCCESS ||
		info.GetCollectionBackups()[0].GetCollectionName() != name || len(info.GetCollectionBackups()[0].GetPartitionBackups()) != 1 {
		t.Errorf("the backup is %v", info)
	}
	brief, err := client.GetBackup(ctx, "nightly", milvusbackup.WithoutFiles())
	if err != nil || len(brief.GetCollectionBackups()[0].GetPartitionBackups()) != 0 {
		t.Errorf("without files: %v, %v", brief, err)
	}

	var segmentRows int64
	segments := client.ListSegments(ctx, "nightly")
	for segments.Next() {
		segmentRows += segments.Value().GetNumOfRows()
		if segments.Value().Collection != name || len(segments.Value().GetBinlogs()) == 0 {
			t.Errorf("%v", segments.Value())
		}
	}
	if segments.Err() != nil || segmentRows != rows {
		t.Errorf("segments of %d rows, %v", segmentRows, segments.Err())
	}

	restore := milvusbackup.RestoreRequest{Backup: "nightly", Suffix: "_back"}
	restorePlan, err := client.PlanRestore(ctx, restore)
	if err != nil || len(restorePlan.GetCollections()) != 1 {
		t.Fatalf("the plan of the restore is %v, error: %v", restorePlan, err)
	}
	if collection := restorePlan.GetCollections()[0]; collection.GetTarget() != "default."+name+"_back" ||
		collection.GetAction() != "create" || collection.GetRowsMax() != rows {
		t.Errorf("the plan of the restore is %v", restorePlan)
	}
	if slices.Contains(m.collections(t), name+"_back") {
		t.Errorf("the plan created %s_back in Milvus", name)
	}
	job, err = client.RestoreBackup(ctx, restore)
	if err != nil {
		t.Fatal(err)
	}
	if result := job.GetResult().GetRestore(); result.GetRows() != rows || !strings.HasSuffix(result.GetCollections()[0].GetTarget(), name+"_back") {
		t.Errorf("the job is %v", job)
	}
	if !slices.Contains(m.collections(t), name+"_back") {
		t.Errorf("%s_back does not exist in Milvus", name)
	}
	if _, err := client.RestoreBackup(ctx, milvusbackup.RestoreRequest{Backup: "nightly"}); !errors.Is(err, milvusbackup.ErrExists) {
		t.Errorf("a restore into a collection that exists: %v", err)
	}

	jobs := client.ListJobs(ctx, milvusbackup.JobFilter{Kinds: []backupv1.JobKind{backupv1.JobKind_JOB_KIND_RESTORE}})
	if !jobs.Next() || jobs.Value().GetBackup() != "nightly" {
		t.Errorf("the restore is not the first job of the list: %v", jobs.Err())
	}

	deletion := milvusbackup.DeletionRequest{Backup: "nightly"}
	deletionPlan, err := client.PlanDeletion(ctx, deletion)
	if err != nil || deletionPlan.GetName() != "nightly" || deletionPlan.GetState() != "complete" || deletionPlan.GetObjects() == 0 {
		t.Errorf("the plan of the deletion is %v, error: %v", deletionPlan, err)
	}
	job, err = client.DeleteBackup(ctx, deletion)
	if err != nil {
		t.Fatal(err)
	}
	if job.GetKind() != backupv1.JobKind_JOB_KIND_DELETE || job.GetResult().GetDelete().GetObjects() == 0 {
		t.Errorf("the job is %v", job)
	}
	backups := client.ListBackups(ctx)
	if backups.Next() || backups.Err() != nil {
		t.Errorf("a backup after the deletion: %v, %v", backups.Value(), backups.Err())
	}
	var failure *milvusbackup.Error
	if _, err := client.GetBackup(ctx, "nightly"); !errors.Is(err, milvusbackup.ErrNotFound) || !errors.As(err, &failure) || failure.Hint == "" {
		t.Errorf("a deleted backup: %v", err)
	}
	if _, err := client.DeleteBackup(ctx, deletion); !errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("the deletion of a deleted backup: %v", err)
	}
}

func TestCodeWrittenForTheGoToolRuns(t *testing.T) {
	m := runningMilvus(t)
	name := m.createCollection(t, rows)
	ctx := testContext(t)
	backup := core.CreateBackupContext(ctx, connect(t, startServer(t, m, ""), milvusbackup.WithInsecure(), milvusbackup.WithToken(admin)))
	if err := backup.Start(); err != nil {
		t.Fatal(err)
	}
	defer backup.Close()

	created := backup.CreateBackup(ctx, &backuppb.CreateBackupRequest{BackupName: "nightly", CollectionNames: []string{name}})
	if created.GetCode() != backuppb.ResponseCode_Success || created.GetData().GetStateCode() != backuppb.BackupTaskStateCode_BACKUP_SUCCESS {
		t.Fatal(created)
	}
	list := backup.ListBackups(ctx, &backuppb.ListBackupsRequest{CollectionName: name})
	if list.GetCode() != backuppb.ResponseCode_Success || len(list.GetData()) != 1 || len(list.GetData()[0].GetCollectionBackups()) != 1 {
		t.Error(list)
	}
	restored := backup.RestoreBackup(ctx, &backuppb.RestoreBackupRequest{BackupName: "nightly", CollectionSuffix: "_back"})
	if restored.GetCode() != backuppb.ResponseCode_Success || restored.GetData().GetStateCode() != backuppb.RestoreTaskStateCode_SUCCESS {
		t.Fatal(restored)
	}
	task := backup.GetRestore(ctx, &backuppb.GetRestoreStateRequest{Id: restored.GetData().GetId()})
	if task.GetData().GetProgress() != 100 || task.GetData().GetCollectionRestoreTasks()[0].GetTargetCollectionName() != name+"_back" {
		t.Error(task)
	}
	if report := backup.Check(ctx); !strings.Contains(report, "milvus") {
		t.Error(report)
	}
	if deleted := backup.DeleteBackup(ctx, &backuppb.DeleteBackupRequest{BackupName: "nightly"}); deleted.GetCode() != backuppb.ResponseCode_Success {
		t.Error(deleted)
	}
	withID := metadata.AppendToOutgoingContext(ctx, "x-request-id", "request-1")
	missing := backup.GetBackup(withID, &backuppb.GetBackupRequest{BackupName: "nightly"})
	if missing.GetCode() != backuppb.ResponseCode_Request_Object_Not_Found || missing.GetRequestId() != "request-1" {
		t.Error(missing)
	}
	failed := backup.RestoreBackup(ctx, &backuppb.RestoreBackupRequest{BackupName: "nightly"})
	if failed.GetCode() != backuppb.ResponseCode_Fail {
		t.Error(failed)
	}
	invalid := backup.CreateBackup(ctx, &backuppb.CreateBackupRequest{BackupName: "no name"})
	if invalid.GetCode() != backuppb.ResponseCode_Parameter_Error || invalid.GetMsg() == "" {
		t.Error(invalid)
	}
}

func TestAuthenticationAndPermissions(t *testing.T) {
	address := startServer(t, runningMilvus(t), "")
	ctx := testContext(t)
	anonymous := connect(t, address, milvusbackup.WithInsecure())
	if _, err := anonymous.GetBackup(ctx, "nightly"); !errors.Is(err, milvusbackup.ErrUnauthenticated) {
		t.Errorf("without a token: %v", err)
	}
	if _, err := grpc_health_v1.NewHealthClient(anonymous.Conn()).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("the health service requires a token: %v", err)
	}
	unknown := connect(t, address, milvusbackup.WithInsecure(), milvusbackup.WithToken("wrong"))
	if backups := unknown.ListBackups(ctx); backups.Next() || !errors.Is(backups.Err(), milvusbackup.ErrUnauthenticated) {
		t.Errorf("with an unknown token: %v", backups.Err())
	}
	readOnly := connect(t, address, milvusbackup.WithInsecure(), milvusbackup.WithToken(reader))
	if backups := readOnly.ListBackups(ctx); backups.Next() || backups.Err() != nil {
		t.Errorf("the role read cannot list backups: %v", backups.Err())
	}
	if _, err := readOnly.StartBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"}); !errors.Is(err, milvusbackup.ErrForbidden) {
		t.Errorf("the role read creates a backup: %v", err)
	}
	if _, err := readOnly.StartDeletion(ctx, milvusbackup.DeletionRequest{Backup: "nightly"}); !errors.Is(err, milvusbackup.ErrForbidden) {
		t.Errorf("the role read deletes a backup: %v", err)
	}
}

func TestEndOfContextCancelsTheJob(t *testing.T) {
	m := runningMilvus(t)
	name := m.createCollection(t, rows)
	client := connect(t, startServer(t, m, ""), milvusbackup.WithInsecure(), milvusbackup.WithToken(admin))
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	_, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly", JobID: "backup-1", Filter: name},
		milvusbackup.OnProgress(func(*milvusbackup.Job) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// The job may have succeeded before it was cancelled, but it does not continue.
	job, err := client.WaitJob(testContext(t), "backup-1")
	if !milvusbackup.Finished(job) || (err != nil && !errors.Is(err, milvusbackup.ErrCancelled)) {
		t.Errorf("%v with %v", err, job)
	}
}

func TestExampleRuns(t *testing.T) {
	m := runningMilvus(t)
	name := m.createCollection(t, rows)
	address := startServer(t, m, "")
	command := exec.CommandContext(testContext(t), "go", "run", "../examples/backup_and_restore",
		"-server", address, "-insecure", "-token", admin, "-name", "example", "-filter", name, "-suffix", "_back")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, line := range []string{"backup example: 1 collections, 1000 rows", "_back: 1000 rows"} {
		if !strings.Contains(string(output), line) {
			t.Errorf("the output does not contain %q:\n%s", line, output)
		}
	}
}

package milvusbackup_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func TestZeroRequestsHaveTheDefaultsOfTheServer(t *testing.T) {
	server := serverWithStates()
	client := connect(t, server)
	if _, err := client.StartBackup(testContext(t), milvusbackup.BackupRequest{}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(server.createRequest, &backupv1.CreateBackupRequest{}) {
		t.Errorf("the request to create is %v", server.createRequest)
	}
	if _, err := client.StartRestore(testContext(t), milvusbackup.RestoreRequest{Backup: "nightly"}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(server.restoreRequest, &backupv1.RestoreBackupRequest{Backup: "nightly"}) {
		t.Errorf("the request to restore is %v", server.restoreRequest)
	}
}

func TestEveryFieldOfARequestIsSent(t *testing.T) {
	server := serverWithStates()
	client := connect(t, server)
	if _, err := client.StartBackup(testContext(t), milvusbackup.BackupRequest{
		Name:     "nightly",
		JobID:    "job-7",
		Filter:   "shop.orders",
		Strategy: milvusbackup.StrategySkipFlush,
		Format:   milvusbackup.FormatSnapshot,
		Strict:   true,
		PauseGC:  true,
	}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(server.createRequest, &backupv1.CreateBackupRequest{
		Name:     "nightly",
		JobId:    "job-7",
		Filter:   "shop.orders",
		Strategy: "skip_flush",
		Format:   "snapshot",
		Strict:   true,
		PauseGc:  true,
	}) {
		t.Errorf("the request to create is %v", server.createRequest)
	}
	if _, err := client.StartRestore(testContext(t), milvusbackup.RestoreRequest{
		Backup:           "nightly",
		JobID:            "job-8",
		Filter:           "shop.*",
		Rename:           map[string]string{"shop.*": "test.*"},
		Suffix:           "_copy",
		Existing:         milvusbackup.ExistingDrop,
		MetaOnly:         true,
		SkipIndexes:      true,
		AutoIndex:        true,
		DropIndexes:      true,
		SkipLoad:         true,
		SkipAliases:      true,
		CleanupOnFailure: true,
	}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(server.restoreRequest, &backupv1.RestoreBackupRequest{
		Backup:           "nightly",
		JobId:            "job-8",
		Filter:           "shop.*",
		Rename:           map[string]string{"shop.*": "test.*"},
		Suffix:           "_copy",
		Existing:         "drop",
		MetaOnly:         true,
		Indexes:          proto.Bool(false),
		AutoIndex:        true,
		DropIndexes:      true,
		Load:             proto.Bool(false),
		Aliases:          proto.Bool(false),
		CleanupOnFailure: true,
	}) {
		t.Errorf("the request to restore is %v", server.restoreRequest)
	}
	if _, err := client.StartDeletion(testContext(t), milvusbackup.DeletionRequest{Backup: "nightly", JobID: "job-9"}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(server.deleteRequest, &backupv1.DeleteBackupRequest{Backup: "nightly", JobId: "job-9"}) {
		t.Errorf("the request to delete is %v", server.deleteRequest)
	}
}

func TestSubmittedJobsAreReturned(t *testing.T) {
	client := connect(t, serverWithStates())
	backup, backupErr := client.StartBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly"})
	restore, restoreErr := client.StartRestore(testContext(t), milvusbackup.RestoreRequest{Backup: "nightly"})
	deletion, deletionErr := client.StartDeletion(testContext(t), milvusbackup.DeletionRequest{Backup: "nightly"})
	for _, test := range []struct {
		job  *milvusbackup.Job
		err  error
		kind backupv1.JobKind
	}{
		{backup, backupErr, backupv1.JobKind_JOB_KIND_BACKUP},
		{restore, restoreErr, backupv1.JobKind_JOB_KIND_RESTORE},
		{deletion, deletionErr, backupv1.JobKind_JOB_KIND_DELETE},
	} {
		if test.err != nil || !proto.Equal(test.job, queuedJob(test.kind, "nightly")) {
			t.Errorf("submitted %v, got the job %v and the error %v", test.kind, test.job, test.err)
		}
	}
}

func TestPlansSendTheRequestOfTheJob(t *testing.T) {
	server := serverWithStates()
	client := connect(t, server)
	backup, err := client.PlanBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly", Filter: "shop.*"})
	if err != nil || backup.GetObjects() != 3 ||
		!proto.Equal(server.createRequest, &backupv1.CreateBackupRequest{Name: "nightly", Filter: "shop.*"}) {
		t.Errorf("the plan of %v is %v, error: %v", server.createRequest, backup, err)
	}
	restore, err := client.PlanRestore(testContext(t), milvusbackup.RestoreRequest{Backup: "nightly", SkipLoad: true})
	if err != nil || restore.GetJobs() != 2 ||
		!proto.Equal(server.restoreRequest, &backupv1.RestoreBackupRequest{Backup: "nightly", Load: proto.Bool(false)}) {
		t.Errorf("the plan of %v is %v, error: %v", server.restoreRequest, restore, err)
	}
	deletion, err := client.PlanDeletion(testContext(t), milvusbackup.DeletionRequest{Backup: "nightly"})
	if err != nil || deletion.GetState() != "complete" ||
		!proto.Equal(server.deleteRequest, &backupv1.DeleteBackupRequest{Backup: "nightly"}) {
		t.Errorf("the plan of %v is %v, error: %v", server.deleteRequest, deletion, err)
	}
}

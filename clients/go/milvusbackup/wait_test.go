package milvusbackup_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

const (
	running   = backupv1.JobState_JOB_STATE_RUNNING
	succeeded = backupv1.JobState_JOB_STATE_SUCCEEDED
	partial   = backupv1.JobState_JOB_STATE_PARTIAL
	cancelled = backupv1.JobState_JOB_STATE_CANCELLED
)

func TestCreateBackupWaitsForItsJob(t *testing.T) {
	server := serverWithStates(running, running, succeeded)
	client := connect(t, server, milvusbackup.WithToken("secret"))
	var states []backupv1.JobState
	job, err := client.CreateBackup(testContext(t), milvusbackup.BackupRequest{
		Name:     "nightly",
		Filter:   "shop.orders",
		Strategy: milvusbackup.StrategySkipFlush,
	}, milvusbackup.OnProgress(func(job *milvusbackup.Job) { states = append(states, job.GetState()) }))
	if err != nil {
		t.Fatal(err)
	}
	if job.GetState() != succeeded || len(states) != 3 {
		t.Errorf("finished as %v after %v", job.GetState(), states)
	}
	request := server.createRequest
	if request.GetName() != "nightly" || request.GetStrategy() != "skip_flush" || request.GetFilter() != "shop.orders" ||
		request.GetJobId() == "" {
		t.Errorf("the request is %v", request)
	}
	if len(server.authorization) != 1 || server.authorization[0] != "Bearer secret" {
		t.Errorf("the authorization is %v", server.authorization)
	}
}

func TestRestoreBackupWaitsForItsJob(t *testing.T) {
	server := serverWithStates(running, succeeded)
	client := connect(t, server)
	job, err := client.RestoreBackup(testContext(t), milvusbackup.RestoreRequest{Backup: "nightly"})
	if err != nil || job.GetState() != succeeded {
		t.Errorf("job: %v, error: %v", job, err)
	}
	if server.restoreRequest.GetBackup() != "nightly" || server.restoreRequest.GetJobId() == "" {
		t.Errorf("the request is %v", server.restoreRequest)
	}
}

func TestDeleteBackupWaitsForItsJob(t *testing.T) {
	server := serverWithStates(running, succeeded)
	client := connect(t, server)
	reports := 0
	job, err := client.DeleteBackup(testContext(t), milvusbackup.DeletionRequest{Backup: "nightly"},
		milvusbackup.OnProgress(func(*milvusbackup.Job) { reports++ }))
	if err != nil || job.GetState() != succeeded || reports != 2 {
		t.Errorf("job: %v, error: %v, %d reports", job, err, reports)
	}
	if server.deleteRequest.GetBackup() != "nightly" || server.deleteRequest.GetJobId() == "" {
		t.Errorf("the request is %v", server.deleteRequest)
	}
}

func TestPartialJobIsReturnedWithAnError(t *testing.T) {
	client := connect(t, serverWithStates(running, partial))
	job, err := client.CreateBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly"})
	if !errors.Is(err, milvusbackup.ErrPartial) || job.GetState() != partial {
		t.Errorf("job: %v, error: %v", job, err)
	}
	var failure *milvusbackup.Error
	if !errors.As(err, &failure) || failure.JobID != "job-1" || failure.Advice != nil {
		t.Errorf("%#v", err)
	}
}

func TestEndOfContextCancelsTheJob(t *testing.T) {
	calls := map[string]func(context.Context, *milvusbackup.Client, milvusbackup.WaitOption) (*milvusbackup.Job, error){
		"create": func(ctx context.Context, client *milvusbackup.Client, option milvusbackup.WaitOption) (*milvusbackup.Job, error) {
			return client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"}, option)
		},
		"restore": func(ctx context.Context, client *milvusbackup.Client, option milvusbackup.WaitOption) (*milvusbackup.Job, error) {
			return client.RestoreBackup(ctx, milvusbackup.RestoreRequest{Backup: "nightly"}, option)
		},
		"delete": func(ctx context.Context, client *milvusbackup.Client, option milvusbackup.WaitOption) (*milvusbackup.Job, error) {
			return client.DeleteBackup(ctx, milvusbackup.DeletionRequest{Backup: "nightly"}, option)
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			server := serverWithStates()
			server.watch = runUntilCancelled
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			job, err := call(ctx, connect(t, server), milvusbackup.OnProgress(func(*milvusbackup.Job) { cancel() }))
			if !errors.Is(err, context.Canceled) || job.GetState() != cancelled {
				t.Errorf("job: %v, error: %v", job, err)
			}
			if id := <-server.cancelled; id != "job-1" {
				t.Errorf("cancelled %s", id)
			}
		})
	}
}

func TestEndOfContextDuringSubmissionCancelsTheJob(t *testing.T) {
	server := serverWithStates()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	returned := make(chan struct{})
	server.create = func() (*backupv1.Job, error) {
		cancel()
		<-returned // the server has accepted the job, and the response is lost
		return nil, status.Error(codes.Canceled, "too late")
	}
	client := connect(t, server)
	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"})
	close(returned)
	if !errors.Is(err, context.Canceled) || job.GetState() != cancelled {
		t.Errorf("job: %v, error: %v", job, err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if id := <-server.cancelled; id == "" || id != server.createRequest.GetJobId() {
		t.Errorf("cancelled %q, submitted %q", id, server.createRequest.GetJobId())
	}
}

func TestUnconfirmedJobWithAnIDOfTheCallerIsNotCancelled(t *testing.T) {
	server := serverWithStates()
	server.create = func() (*backupv1.Job, error) {
		return nil, status.Error(codes.DeadlineExceeded, "too late")
	}
	client := connect(t, server)
	_, err := client.CreateBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly", JobID: "job-7"})
	if !errors.Is(err, context.DeadlineExceeded) || len(server.cancelled) != 0 {
		t.Errorf("error: %v, %d cancelled", err, len(server.cancelled))
	}
	if server.createRequest.GetJobId() != "job-7" {
		t.Errorf("the request is %v", server.createRequest)
	}
}

func TestWaitJobWatchesAgainAfterATransientError(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown} {
		server := serverWithStates()
		attempts := 0
		server.watch = func(_ context.Context, id string, send func(*backupv1.Job) error) error {
			attempts++
			if attempts == 1 {
				_ = send(&backupv1.Job{Id: id, State: running})
				return status.Error(code, "connection lost")
			}
			return send(&backupv1.Job{Id: id, State: succeeded})
		}
		if job, err := connect(t, server).WaitJob(testContext(t), "job-1"); err != nil || job.GetState() != succeeded {
			t.Errorf("%v: job: %v, error: %v", code, job, err)
		}
	}
	missing := serverWithStates()
	missing.watch = func(context.Context, string, func(*backupv1.Job) error) error {
		return status.Error(codes.NotFound, "no such job")
	}
	if _, err := connect(t, missing).WaitJob(testContext(t), "job-1"); !errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

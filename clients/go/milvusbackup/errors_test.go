package milvusbackup_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

// advice returns an advice for a backup that exists already.
func advice(t *testing.T) *structpb.Struct {
	t.Helper()
	advice, err := structpb.NewStruct(map[string]any{"action": "choose_name_or_delete", "backup": "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	return advice
}

func TestErrorHasTheFieldsOfTheFailure(t *testing.T) {
	server := serverWithStates()
	failure := &backupv1.Failure{
		Kind: "already_exists", Message: "the backup exists", Hint: "delete it", Advice: advice(t),
	}
	server.create = func() (*backupv1.Job, error) {
		response, err := status.New(codes.AlreadyExists, "the backup exists\nhint: delete it").WithDetails(failure)
		if err != nil {
			return nil, err
		}
		return nil, response.Err()
	}
	client := connect(t, server)
	_, err := client.StartBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly"})
	if !errors.Is(err, milvusbackup.ErrExists) || err.Error() != "the backup exists; hint: delete it" {
		t.Errorf("%v", err)
	}
	if errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("%v is of two kinds", err)
	}
	if status.Code(err) != codes.AlreadyExists {
		t.Errorf("the gRPC code is %v", status.Code(err))
	}
	var converted *milvusbackup.Error
	expected := map[string]any{"action": "choose_name_or_delete", "backup": "nightly"}
	if !errors.As(err, &converted) || !reflect.DeepEqual(converted.Advice, expected) {
		t.Errorf("the advice of %#v", err)
	}
}

func TestErrorWithoutAdvice(t *testing.T) {
	client := connect(t, serverWithStates())
	_, err := client.GetBackup(testContext(t), "missing")
	var failure *milvusbackup.Error
	if !errors.As(err, &failure) || failure.Advice != nil {
		t.Errorf("%#v", err)
	}
}

func TestFailedJobHasAnAdvice(t *testing.T) {
	server := serverWithStates()
	server.watch = func(_ context.Context, id string, send func(*backupv1.Job) error) error {
		return send(&backupv1.Job{
			Id:      id,
			State:   backupv1.JobState_JOB_STATE_FAILED,
			Failure: &backupv1.Failure{Kind: "failed", Message: "the disk is full", Advice: advice(t)},
		})
	}
	_, err := connect(t, server).WaitJob(testContext(t), "job-1")
	var failure *milvusbackup.Error
	if !errors.As(err, &failure) || failure.JobID != "job-1" || failure.Advice["backup"] != "nightly" {
		t.Errorf("%#v", err)
	}
}

func TestErrorWithoutFailureHasTheKindOfItsCode(t *testing.T) {
	client := connect(t, serverWithStates())
	if _, err := client.GetBackup(testContext(t), "missing"); !errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("%v", err)
	}
	segments := client.ListSegments(testContext(t), "missing")
	defer segments.Close()
	if segments.Next() || !errors.Is(segments.Err(), milvusbackup.ErrNotFound) {
		t.Errorf("%v", segments.Err())
	}
	if _, err := client.Check(testContext(t)); !errors.Is(err, milvusbackup.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

func TestErrorOfAnEndedContextHasTheContextErrorAndTheCode(t *testing.T) {
	server := serverWithStates()
	returned := make(chan struct{})
	server.createGoTool = func() (*backuppb.BackupInfoResponse, error) {
		<-returned
		return nil, status.Error(codes.Internal, "too late")
	}
	server.watch = func(ctx context.Context, _ string, _ func(*backupv1.Job) error) error {
		<-ctx.Done()
		return ctx.Err()
	}
	client := connect(t, server)
	defer close(returned)
	short, release := context.WithTimeout(testContext(t), 10*time.Millisecond)
	defer release()
	if _, err := client.Raw().CreateBackup(short, &backuppb.CreateBackupRequest{}); !errors.Is(err, context.DeadlineExceeded) ||
		status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v with the code %v", err, status.Code(err))
	}
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if watch := client.WatchJob(ctx, "job-1"); watch.Next() || !errors.Is(watch.Err(), context.Canceled) ||
		status.Code(watch.Err()) != codes.Canceled {
		t.Errorf("%v with the code %v", watch.Err(), status.Code(watch.Err()))
	}
}

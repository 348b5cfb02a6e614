package milvusbackup_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/core"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

const (
	running   = backupv1.JobState_JOB_STATE_RUNNING
	succeeded = backupv1.JobState_JOB_STATE_SUCCEEDED
	partial   = backupv1.JobState_JOB_STATE_PARTIAL
)

// A server whose jobs pass through these states.
func through(states ...backupv1.JobState) *fake {
	return &fake{
		cancelled: make(chan string, 1),
		watch: func(id string, send func(*backupv1.Job) error, _ context.Context) error {
			for _, state := range states {
				if err := send(&backupv1.Job{Id: id, State: state}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// An end for what waits, so that a fault shows as one.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestABackupIsWaitedFor(t *testing.T) {
	server := through(running, running, succeeded)
	client := connect(t, server, milvusbackup.WithToken("secret"))
	var seen []backupv1.JobState
	job, err := client.CreateBackup(deadline(t), milvusbackup.BackupRequest{
		Name:      "nightly",
		Databases: map[string][]string{"shop": {"orders"}},
		Strategy:  milvusbackup.SkipFlush,
	}, milvusbackup.OnProgress(func(job *milvusbackup.Job) { seen = append(seen, job.GetState()) }))
	if err != nil {
		t.Fatal(err)
	}
	if job.GetState() != succeeded || len(seen) != 3 {
		t.Errorf("ended as %v after %v", job.GetState(), seen)
	}
	asked := server.created
	if !asked.GetAsync() || asked.GetBackupName() != "nightly" || asked.GetStrategy() != "skip_flush" ||
		asked.GetFilter()["shop"].GetColls()[0] != "orders" {
		t.Errorf("asked for %v", asked)
	}
	if len(server.authorization) != 1 || server.authorization[0] != "Bearer secret" {
		t.Errorf("said %v", server.authorization)
	}
}

func TestARestoreAsksForIndexesUnlessTold(t *testing.T) {
	server := through(succeeded)
	client := connect(t, server)
	if _, err := client.Restore(deadline(t), milvusbackup.RestoreRequest{
		Backup: "nightly", Databases: map[string][]string{"shop": nil}, Existing: milvusbackup.Drop,
	}); err != nil {
		t.Fatal(err)
	}
	asked := server.restored
	if !asked.GetRestoreIndex() || !asked.GetDropExistCollection() || asked.GetSkipCreateCollection() {
		t.Errorf("asked for %v", asked)
	}
	if _, shop := asked.GetDbCollections().GetStructValue().GetFields()["shop"]; !shop {
		t.Errorf("selected %v", asked.GetDbCollections())
	}
	if _, err := client.Restore(deadline(t), milvusbackup.RestoreRequest{Backup: "nightly", SkipIndexes: true}); err != nil {
		t.Fatal(err)
	}
	if server.restored.GetRestoreIndex() || server.restored.GetDbCollections() != nil {
		t.Errorf("asked for %v", server.restored)
	}
}

func TestAJobThatDidAPartIsAnErrorWithTheJob(t *testing.T) {
	client := connect(t, through(running, partial))
	job, err := client.CreateBackup(deadline(t), milvusbackup.BackupRequest{Name: "nightly"})
	if !errors.Is(err, milvusbackup.ErrPartial) || job.GetState() != partial {
		t.Errorf("%v with %v", err, job)
	}
	var failure *milvusbackup.Error
	if !errors.As(err, &failure) || failure.JobID != "job-1" {
		t.Errorf("%#v", err)
	}
}

func TestTheHintOfAFailureArrives(t *testing.T) {
	server := through()
	advice, err := structpb.NewStruct(map[string]any{"action": "choose_name_or_delete", "backup": "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	server.create = func(*backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
		answer, err := status.New(codes.AlreadyExists, "there is one\nhint: delete it").WithDetails(&backupv1.Failure{
			Kind: "already_exists", Message: "there is one", Hint: "delete it", Advice: advice,
		})
		if err != nil {
			return nil, err
		}
		return nil, answer.Err()
	}
	client := connect(t, server)
	_, err = client.StartBackup(deadline(t), milvusbackup.BackupRequest{Name: "nightly"})
	var failure *milvusbackup.Error
	if !errors.As(err, &failure) || failure.Advice["backup"] != "nightly" {
		t.Errorf("the advice of %#v", err)
	}
	if !errors.Is(err, milvusbackup.ErrExists) || err.Error() != "there is one; hint: delete it" {
		t.Errorf("%v", err)
	}
	if errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("%v is of two kinds", err)
	}
	if status.Code(err) != codes.AlreadyExists {
		t.Errorf("gRPC's code is lost: %v", status.Code(err))
	}
}

func TestAnswersThatDoNotNameTheirKindHaveOne(t *testing.T) {
	client := connect(t, through())
	if _, err := client.GetBackup(deadline(t), "missing"); !errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("%v", err)
	}
	segments := client.Segments(deadline(t), "missing")
	defer segments.Close()
	if segments.Next() || !errors.Is(segments.Err(), milvusbackup.ErrNotFound) {
		t.Errorf("%v", segments.Err())
	}
	if _, err := client.Check(deadline(t)); !errors.Is(err, milvusbackup.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

func TestEndingTheContextCancelsTheJob(t *testing.T) {
	server := through()
	server.watch = func(id string, send func(*backupv1.Job) error, ctx context.Context) error {
		if err := send(&backupv1.Job{Id: id, State: running}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	client := connect(t, server)
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"},
		milvusbackup.OnProgress(func(*milvusbackup.Job) { cancel() }))
	if !errors.Is(err, context.Canceled) || job.GetState() != backupv1.JobState_JOB_STATE_CANCELLED {
		t.Errorf("%v with %v", err, job)
	}
	if id := <-server.cancelled; id != "job-1" {
		t.Errorf("cancelled %s", id)
	}
}

func TestWaitingForAJobOutlivesItsServer(t *testing.T) {
	server := through()
	tries := 0
	server.watch = func(id string, send func(*backupv1.Job) error, _ context.Context) error {
		tries++
		if tries == 1 {
			_ = send(&backupv1.Job{Id: id, State: running})
			return status.Error(codes.Unavailable, "shutting down")
		}
		return send(&backupv1.Job{Id: id, State: succeeded})
	}
	client := connect(t, server)
	if job, err := client.WaitJob(deadline(t), "job-1"); err != nil || job.GetState() != succeeded {
		t.Errorf("%v with %v", err, job)
	}
}

func TestListsAreReadPageByPage(t *testing.T) {
	server := through()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		server.backups = append(server.backups, &backupv1.Backup{Name: name})
	}
	server.segments = map[string]int{"a": 1000, "b": 0}
	client := connect(t, server)

	names := ""
	backups := client.Backups(deadline(t))
	for backups.Next() {
		names += backups.Value().GetName()
	}
	if backups.Err() != nil || names != "abcde" {
		t.Errorf("%q, %v", names, backups.Err())
	}

	segments := client.Segments(deadline(t), "a")
	count := 0
	for segments.Next() {
		if segments.Value().GetSegmentId() != int64(count) || segments.Value().Collection != "books" {
			t.Fatalf("%v at %d", segments.Value(), count)
		}
		count++
	}
	if segments.Err() != nil || count != 1000 {
		t.Errorf("%d, %v", count, segments.Err())
	}
	segments.Close()

	early := client.Segments(deadline(t), "a")
	early.Next()
	early.Close()
	if early.Next() || early.Err() != nil {
		t.Errorf("goes on after its end: %v", early.Err())
	}
	if none := client.Segments(deadline(t), "b"); none.Next() || none.Err() != nil {
		t.Errorf("%v", none.Err())
	}
}

func TestABackupMayBeLargerThanUsualMessages(t *testing.T) {
	client := connect(t, through())
	info, err := client.GetBackup(deadline(t), "large")
	if err != nil || len(info.GetCollectionBackups()[0].GetL0Segments()) != 300_000 {
		t.Errorf("%v", err)
	}
}

func TestCredentialsAreNotSentInTheClearUnasked(t *testing.T) {
	if _, err := milvusbackup.New("127.0.0.1:1", milvusbackup.WithInsecure(), milvusbackup.WithTLS(&tls.Config{MinVersion: tls.VersionTLS12})); err == nil {
		t.Error("WithInsecure and WithTLS together are accepted")
	}
}

func TestATokenIsSentWithoutTheSpaceAroundIt(t *testing.T) {
	for token, sent := range map[string]string{"secret": "Bearer secret", " secret\r\n": "Bearer secret", "": "", "\n": ""} {
		server := through()
		client := connect(t, server, milvusbackup.WithToken(token))
		if _, err := client.StartBackup(deadline(t), milvusbackup.BackupRequest{Name: "nightly"}); err != nil {
			t.Fatalf("%q: %v", token, err)
		}
		if said := strings.Join(server.authorization, ", "); said != sent {
			t.Errorf("%q is sent as %q", token, said)
		}
	}
}

func TestATokenThatCannotBeSentIsRefusedAndNotShown(t *testing.T) {
	for _, token := range []string{"sec\nret", "sec\x00ret", "secrét"} {
		_, err := milvusbackup.New("127.0.0.1:1", milvusbackup.WithToken(token))
		if err == nil || !strings.Contains(err.Error(), "the token") || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestACallWhoseContextEndedSaysSoInBothWays(t *testing.T) {
	server := through()
	answered := make(chan struct{})
	server.create = func(*backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
		<-answered
		return nil, status.Error(codes.Internal, "too late")
	}
	server.watch = func(_ string, _ func(*backupv1.Job) error, ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	client := connect(t, server)
	defer close(answered)
	short, done := context.WithTimeout(deadline(t), 10*time.Millisecond)
	defer done()
	if _, err := client.Raw().CreateBackup(short, &backuppb.CreateBackupRequest{}); !errors.Is(err, context.DeadlineExceeded) ||
		status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v with the code %v", err, status.Code(err))
	}
	ctx, cancel := context.WithCancel(deadline(t))
	cancel()
	if watch := client.WatchJob(ctx, "job-1"); watch.Next() || !errors.Is(watch.Err(), context.Canceled) ||
		status.Code(watch.Err()) != codes.Canceled {
		t.Errorf("%v with the code %v", watch.Err(), status.Code(watch.Err()))
	}
}

func TestTheCallsOfCoreTellFailuresInTheirCode(t *testing.T) {
	server := through()
	calls := core.CreateBackupContext(deadline(t), connect(t, server))
	if err := calls.Start(); !errors.Is(err, milvusbackup.ErrUnsupported) {
		t.Errorf("a server that knows of no health: %v", err)
	}
	missing := calls.GetBackup(deadline(t), &backuppb.GetBackupRequest{RequestId: "r", BackupName: "missing"})
	if missing.GetCode() != backuppb.ResponseCode_Request_Object_Not_Found || missing.GetRequestId() != "r" {
		t.Errorf("%v", missing)
	}
	unnamed := calls.GetBackup(deadline(t), &backuppb.GetBackupRequest{BackupName: "missing"})
	if unnamed.GetRequestId() != "of-the-server" {
		t.Errorf("the server's id of the request is not told: %v", unnamed)
	}
	server.create = func(*backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
		return nil, status.Error(codes.NotFound, "no such collection")
	}
	lost := calls.CreateBackup(deadline(t), &backuppb.CreateBackupRequest{BackupName: "nightly"})
	if lost.GetCode() != backuppb.ResponseCode_Fail || lost.GetMsg() != "no such collection" || len(lost.GetRequestId()) != 36 {
		t.Errorf("%v", lost)
	}
	server.create = nil
	made := calls.CreateBackup(deadline(t), &backuppb.CreateBackupRequest{BackupName: "nightly"})
	if made.GetCode() != backuppb.ResponseCode_Success || made.GetData().GetName() != "nightly" {
		t.Errorf("%v", made)
	}
	list := calls.ListBackups(deadline(t), &backuppb.ListBackupsRequest{})
	if list.GetCode() != backuppb.ResponseCode_Not_Support || !strings.Contains(list.GetMsg(), "ListBackups") {
		t.Errorf("%v", list)
	}
}

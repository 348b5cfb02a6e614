package milvusbackup_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func TestAContextThatEndsWhileAJobIsHandedInCancelsIt(t *testing.T) {
	server := through()
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	answered := make(chan struct{})
	server.create = func(*backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
		cancel()
		<-answered // the job is there, and nobody hears of it
		return nil, status.Error(codes.Canceled, "too late")
	}
	client := connect(t, server)
	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"})
	close(answered)
	if !errors.Is(err, context.Canceled) || job.GetState() != backupv1.JobState_JOB_STATE_CANCELLED {
		t.Errorf("%v with %v", err, job)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if id := <-server.cancelled; id == "" || id != server.created.GetRequestId() {
		t.Errorf("cancelled %q, handed in %q", id, server.created.GetRequestId())
	}
}

func TestAJobOfTheCallersIDIsNotCancelledUnheard(t *testing.T) {
	server := through()
	server.create = func(*backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
		return nil, status.Error(codes.DeadlineExceeded, "too late")
	}
	client := connect(t, server)
	_, err := client.CreateBackup(deadline(t), milvusbackup.BackupRequest{Name: "nightly", ID: "mine"})
	if !errors.Is(err, context.DeadlineExceeded) || len(server.cancelled) != 0 {
		t.Errorf("%v, %d cancelled", err, len(server.cancelled))
	}
}

func TestAWatchThatIsCutOffOnTheWayIsTakenUpAgain(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown} {
		server := through()
		tries := 0
		server.watch = func(id string, send func(*backupv1.Job) error, _ context.Context) error {
			tries++
			if tries == 1 {
				_ = send(&backupv1.Job{Id: id, State: running})
				return status.Error(code, "cut off")
			}
			return send(&backupv1.Job{Id: id, State: succeeded})
		}
		if job, err := connect(t, server).WaitJob(deadline(t), "job-1"); err != nil || job.GetState() != succeeded {
			t.Errorf("%v: %v with %v", code, err, job)
		}
	}
	gone := through()
	gone.watch = func(string, func(*backupv1.Job) error, context.Context) error {
		return status.Error(codes.NotFound, "no such job")
	}
	if _, err := connect(t, gone).WaitJob(deadline(t), "job-1"); !errors.Is(err, milvusbackup.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// deaf is a connection on which nothing arrives any more once its host is gone, and which does not end.
type deaf struct {
	net.Conn
	gone *atomic.Bool
}

func (d deaf) Write(bytes []byte) (int, error) {
	if d.gone.Load() {
		return len(bytes), nil
	}
	return d.Conn.Write(bytes)
}

// It takes half a minute, as long as the client waits for a sign of life.
func TestAServerThatVanishesWithoutAWordIsNoticed(t *testing.T) {
	t.Parallel()
	server := through()
	var gone atomic.Bool
	server.between = func(conn net.Conn) net.Conn { return deaf{conn, &gone} }
	server.watch = func(id string, send func(*backupv1.Job) error, ctx context.Context) error {
		if err := send(&backupv1.Job{Id: id, State: running}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	client := connect(t, server)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	watch := client.WatchJob(ctx, "job-1")
	defer watch.Close()
	if !watch.Next() {
		t.Fatal(watch.Err())
	}
	gone.Store(true)
	if watch.Next() || !errors.Is(watch.Err(), milvusbackup.ErrUnavailable) {
		t.Errorf("%v", watch.Err())
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("use", func(t *testing.T) {
		server := through(running, succeeded)
		server.segments = map[string]int{"a": 1000}
		client := connect(t, server)
		if _, err := client.CreateBackup(deadline(t), milvusbackup.BackupRequest{Name: "nightly"}); err != nil {
			t.Error(err)
		}
		for range 20 {
			segments := client.Segments(deadline(t), "a")
			segments.Next()
			segments.Close()
		}
	})
	for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestAURLIsNoAddress(t *testing.T) {
	if _, err := milvusbackup.New("https://backup.example.com:8080"); err == nil {
		t.Error("it is taken for an address")
	}
}

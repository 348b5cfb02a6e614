package milvusbackup_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

// fakeServer is a server that records requests and responds as a test defines.
type fakeServer struct {
	mu             sync.Mutex
	authorization  []string
	createRequest  *backupv1.CreateBackupRequest
	restoreRequest *backupv1.RestoreBackupRequest
	deleteRequest  *backupv1.DeleteBackupRequest
	cancelled      chan string // the ids of cancelled jobs

	create       func() (*backupv1.Job, error)                // the response of BackupService; nil for job-1
	createGoTool func() (*backuppb.BackupInfoResponse, error) // the response of the service of 0.4.15; nil for job-1
	watch        func(ctx context.Context, id string, send func(*backupv1.Job) error) error
	backups      []*backupv1.Backup
	segments     map[string]int // the number of segments of each backup
	wrapConn     func(net.Conn) net.Conn
}

// serverWithStates returns a server whose jobs have these states, one after the other.
func serverWithStates(states ...backupv1.JobState) *fakeServer {
	return &fakeServer{
		cancelled: make(chan string, 1),
		watch: func(_ context.Context, id string, send func(*backupv1.Job) error) error {
			for _, state := range states {
				if err := send(&backupv1.Job{Id: id, State: state}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// runUntilCancelled is a watch of a job that runs until the caller ends the watch.
func runUntilCancelled(ctx context.Context, id string, send func(*backupv1.Job) error) error {
	if err := send(&backupv1.Job{Id: id, State: running}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// backupService creates, restores, deletes and plans.
type backupService struct {
	backupv1.UnimplementedBackupServiceServer
	*fakeServer
}

func queuedJob(kind backupv1.JobKind, backup string) *backupv1.Job {
	return &backupv1.Job{Id: "job-1", Kind: kind, Backup: backup, State: backupv1.JobState_JOB_STATE_QUEUED}
}

func (s backupService) CreateBackup(ctx context.Context, request *backupv1.CreateBackupRequest) (*backupv1.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.createRequest = request
	if headers, ok := metadata.FromIncomingContext(ctx); ok {
		s.authorization = headers.Get("authorization")
	}
	if s.create != nil {
		return s.create()
	}
	return queuedJob(backupv1.JobKind_JOB_KIND_BACKUP, request.GetName()), nil
}

func (s backupService) PlanBackup(_ context.Context, request *backupv1.CreateBackupRequest) (*backupv1.BackupPlan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.createRequest = request
	return &backupv1.BackupPlan{Name: request.GetName(), Objects: 3}, nil
}

func (s backupService) RestoreBackup(_ context.Context, request *backupv1.RestoreBackupRequest) (*backupv1.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restoreRequest = request
	return queuedJob(backupv1.JobKind_JOB_KIND_RESTORE, request.GetBackup()), nil
}

func (s backupService) PlanRestore(_ context.Context, request *backupv1.RestoreBackupRequest) (*backupv1.RestorePlan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restoreRequest = request
	return &backupv1.RestorePlan{Name: request.GetBackup(), Jobs: 2}, nil
}

func (s backupService) DeleteBackup(_ context.Context, request *backupv1.DeleteBackupRequest) (*backupv1.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteRequest = request
	return queuedJob(backupv1.JobKind_JOB_KIND_DELETE, request.GetBackup()), nil
}

func (s backupService) PlanDeletion(_ context.Context, request *backupv1.DeleteBackupRequest) (*backupv1.DeletionPlan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteRequest = request
	return &backupv1.DeletionPlan{Name: request.GetBackup(), State: "complete"}, nil
}

// jobService watches and cancels jobs.
type jobService struct {
	backupv1.UnimplementedJobServiceServer
	*fakeServer
}

func (s jobService) CancelJob(_ context.Context, request *backupv1.CancelJobRequest) (*backupv1.Job, error) {
	s.cancelled <- request.GetId()
	return &backupv1.Job{Id: request.GetId(), State: backupv1.JobState_JOB_STATE_CANCELLED}, nil
}

func (s jobService) WatchJob(request *backupv1.WatchJobRequest, stream backupv1.JobService_WatchJobServer) error {
	return s.watch(stream.Context(), request.GetId(), stream.Send)
}

// catalogService lists backups and segments.
type catalogService struct {
	backupv1.UnimplementedCatalogServiceServer
	*fakeServer
}

// ListBackups returns pages of two backups.
func (s catalogService) ListBackups(_ context.Context, request *backupv1.ListBackupsRequest) (*backupv1.ListBackupsResponse, error) {
	from := 0
	for from < len(s.backups) && s.backups[from].GetName() <= request.GetPageToken() {
		from++
	}
	rest := s.backups[from:]
	if len(rest) <= 2 {
		return &backupv1.ListBackupsResponse{Backups: rest}, nil
	}
	return &backupv1.ListBackupsResponse{Backups: rest[:2], NextPageToken: rest[1].GetName()}, nil
}

func (s catalogService) ListSegments(request *backupv1.ListSegmentsRequest, stream backupv1.CatalogService_ListSegmentsServer) error {
	count, exists := s.segments[request.GetBackup()]
	if !exists {
		return status.Error(codes.NotFound, "no such backup")
	}
	for i := range count {
		segment := &backuppb.SegmentBackupInfo{SegmentId: int64(i)}
		response := &backupv1.ListSegmentsResponse{Database: "default", Collection: "books", Segments: []*backuppb.SegmentBackupInfo{segment}}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	return nil
}

// goToolService is the service of 0.4.15. It has a backup "large" of 300,000 segments.
type goToolService struct {
	backuppb.UnimplementedMilvusBackupServiceServer
	*fakeServer
}

func (s goToolService) CreateBackup(_ context.Context, request *backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
	if s.createGoTool != nil {
		return s.createGoTool()
	}
	return &backuppb.BackupInfoResponse{Data: &backuppb.BackupInfo{Id: "job-1", Name: request.GetBackupName()}}, nil
}

func (s goToolService) GetBackup(ctx context.Context, request *backuppb.GetBackupRequest) (*backuppb.BackupInfoResponse, error) {
	if request.GetBackupName() != "large" {
		if err := grpc.SetTrailer(ctx, metadata.Pairs("x-request-id", "id-of-the-server")); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.NotFound, "no such backup")
	}
	segments := make([]*backuppb.SegmentBackupInfo, 300_000)
	for i := range segments {
		segments[i] = &backuppb.SegmentBackupInfo{SegmentId: int64(i), VChannel: "by-dev-rootcoord-dml_0_447840926921949278v0"}
	}
	collection := &backuppb.CollectionBackupInfo{L0Segments: segments}
	return &backuppb.BackupInfoResponse{
		Data: &backuppb.BackupInfo{CollectionBackups: []*backuppb.CollectionBackupInfo{collection}},
	}, nil
}

// connect serves a fake server in memory and returns a client for it.
func connect(t *testing.T, server *fakeServer, options ...milvusbackup.Option) *milvusbackup.Client {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	grpcServer := grpc.NewServer()
	backupv1.RegisterBackupServiceServer(grpcServer, backupService{fakeServer: server})
	backupv1.RegisterJobServiceServer(grpcServer, jobService{fakeServer: server})
	backupv1.RegisterCatalogServiceServer(grpcServer, catalogService{fakeServer: server})
	backuppb.RegisterMilvusBackupServiceServer(grpcServer, goToolService{fakeServer: server})
	go func() { _ = grpcServer.Serve(listener) }()
	t.Cleanup(grpcServer.Stop)

	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		conn, err := listener.DialContext(ctx)
		if err == nil && server.wrapConn != nil {
			conn = server.wrapConn(conn)
		}
		return conn, err
	})
	options = append(options, milvusbackup.WithInsecure(),
		milvusbackup.WithDialOptions(dialer, grpc.WithTransportCredentials(insecure.NewCredentials())))
	client, err := milvusbackup.New("passthrough:///fake", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// testContext returns a context with a deadline, so that a test that would wait forever fails.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

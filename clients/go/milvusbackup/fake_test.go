package milvusbackup_test

import (
	"context"
	"net"
	"sync"
	"testing"

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

// fake is a server that says what a test told it to.
type fake struct {
	backuppb.UnimplementedMilvusBackupServiceServer
	backupv1.UnimplementedJobServiceServer

	mu            sync.Mutex
	authorization []string
	created       *backuppb.CreateBackupRequest
	restored      *backuppb.RestoreBackupRequest
	cancelled     chan string

	create  func(*backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error)
	watch   func(id string, send func(*backupv1.Job) error, ctx context.Context) error
	backups []*backupv1.Backup
	// Names of backups with how many segments each.
	segments map[string]int
	// What lies between the client and its connection.
	between func(net.Conn) net.Conn
}

func (f *fake) CreateBackup(ctx context.Context, request *backuppb.CreateBackupRequest) (*backuppb.BackupInfoResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.created = request
	if headers, ok := metadata.FromIncomingContext(ctx); ok {
		f.authorization = headers.Get("authorization")
	}
	if f.create != nil {
		return f.create(request)
	}
	return &backuppb.BackupInfoResponse{Data: &backuppb.BackupInfo{Id: "job-1", Name: request.GetBackupName()}}, nil
}

func (f *fake) RestoreBackup(_ context.Context, request *backuppb.RestoreBackupRequest) (*backuppb.RestoreBackupResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restored = request
	return &backuppb.RestoreBackupResponse{Data: &backuppb.RestoreBackupTask{Id: "job-1"}}, nil
}

func (f *fake) GetBackup(ctx context.Context, request *backuppb.GetBackupRequest) (*backuppb.BackupInfoResponse, error) {
	if request.GetBackupName() != "large" {
		if err := grpc.SetTrailer(ctx, metadata.Pairs("x-request-id", "of-the-server")); err != nil {
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

func (f *fake) GetJob(_ context.Context, request *backupv1.GetJobRequest) (*backupv1.Job, error) {
	return &backupv1.Job{Id: request.GetId(), State: backupv1.JobState_JOB_STATE_QUEUED}, nil
}

func (f *fake) CancelJob(_ context.Context, request *backupv1.CancelJobRequest) (*backupv1.Job, error) {
	f.cancelled <- request.GetId()
	return &backupv1.Job{Id: request.GetId(), State: backupv1.JobState_JOB_STATE_CANCELLED}, nil
}

func (f *fake) WatchJob(request *backupv1.WatchJobRequest, stream backupv1.JobService_WatchJobServer) error {
	return f.watch(request.GetId(), stream.Send, stream.Context())
}

// catalog is its service of backups in pieces.
type catalog struct {
	backupv1.UnimplementedCatalogServiceServer
	*fake
}

// ListBackups gives pages of two.
func (f catalog) ListBackups(_ context.Context, request *backupv1.ListBackupsRequest) (*backupv1.ListBackupsResponse, error) {
	from := 0
	for from < len(f.backups) && f.backups[from].GetName() <= request.GetPageToken() {
		from++
	}
	rest := f.backups[from:]
	if len(rest) <= 2 {
		return &backupv1.ListBackupsResponse{Backups: rest}, nil
	}
	return &backupv1.ListBackupsResponse{Backups: rest[:2], NextPageToken: rest[1].GetName()}, nil
}

func (f catalog) ListSegments(request *backupv1.ListSegmentsRequest, stream backupv1.CatalogService_ListSegmentsServer) error {
	count, known := f.segments[request.GetBackup()]
	if !known {
		return status.Error(codes.NotFound, "no such backup")
	}
	for i := range count {
		segment := &backuppb.SegmentBackupInfo{SegmentId: int64(i)}
		answer := &backupv1.ListSegmentsResponse{Database: "default", Collection: "books", Segments: []*backuppb.SegmentBackupInfo{segment}}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// connect serves a fake in memory and gives a client of it.
func connect(t *testing.T, server *fake, options ...milvusbackup.Option) *milvusbackup.Client {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	serving := grpc.NewServer()
	backuppb.RegisterMilvusBackupServiceServer(serving, server)
	backupv1.RegisterJobServiceServer(serving, server)
	backupv1.RegisterCatalogServiceServer(serving, catalog{fake: server})
	go func() { _ = serving.Serve(listener) }()
	t.Cleanup(serving.Stop)

	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		conn, err := listener.DialContext(ctx)
		if err == nil && server.between != nil {
			conn = server.between(conn)
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

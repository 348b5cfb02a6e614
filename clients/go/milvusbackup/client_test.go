package milvusbackup_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func TestNewRejectsAURL(t *testing.T) {
	if _, err := milvusbackup.New("https://backup.example.com:8080"); err == nil {
		t.Error("a URL is accepted as an address")
	}
}

func TestNewRejectsTLSTogetherWithInsecure(t *testing.T) {
	if _, err := milvusbackup.New("127.0.0.1:1", milvusbackup.WithInsecure(), milvusbackup.WithTLS(&tls.Config{MinVersion: tls.VersionTLS12})); err == nil {
		t.Error("WithInsecure and WithTLS together are accepted")
	}
}

func TestTokenIsSentWithoutSurroundingSpace(t *testing.T) {
	for token, header := range map[string]string{"secret": "Bearer secret", " secret\r\n": "Bearer secret", "": "", "\n": ""} {
		server := serverWithStates()
		client := connect(t, server, milvusbackup.WithToken(token))
		if _, err := client.StartBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly"}); err != nil {
			t.Fatalf("%q: %v", token, err)
		}
		if sent := strings.Join(server.authorization, ", "); sent != header {
			t.Errorf("%q is sent as %q", token, sent)
		}
	}
}

func TestNewRejectsATokenThatCannotBeSentAndHidesIt(t *testing.T) {
	for _, token := range []string{"sec\nret", "sec\x00ret", "secrét"} {
		_, err := milvusbackup.New("127.0.0.1:1", milvusbackup.WithToken(token))
		if err == nil || !strings.Contains(err.Error(), "the token") || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// disconnectable is a connection that stays open and discards what is written once its host has disappeared.
type disconnectable struct {
	net.Conn
	disappeared *atomic.Bool
}

func (c disconnectable) Write(bytes []byte) (int, error) {
	if c.disappeared.Load() {
		return len(bytes), nil
	}
	return c.Conn.Write(bytes)
}

// This test takes half a minute, the time after which keepalive closes the connection.
func TestKeepaliveDetectsAServerThatDisappeared(t *testing.T) {
	t.Parallel()
	server := serverWithStates()
	var disappeared atomic.Bool
	server.wrapConn = func(conn net.Conn) net.Conn { return disconnectable{conn, &disappeared} }
	server.watch = runUntilCancelled
	client := connect(t, server)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	watch := client.WatchJob(ctx, "job-1")
	defer watch.Close()
	if !watch.Next() {
		t.Fatal(watch.Err())
	}
	disappeared.Store(true)
	if watch.Next() || !errors.Is(watch.Err(), milvusbackup.ErrUnavailable) {
		t.Errorf("%v", watch.Err())
	}
}

func TestClosedClientLeavesNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("use", func(t *testing.T) {
		server := serverWithStates(running, succeeded)
		server.segments = map[string]int{"a": 1000}
		client := connect(t, server)
		if _, err := client.CreateBackup(testContext(t), milvusbackup.BackupRequest{Name: "nightly"}); err != nil {
			t.Error(err)
		}
		for range 20 {
			segments := client.ListSegments(testContext(t), "a")
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

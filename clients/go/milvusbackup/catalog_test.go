package milvusbackup_test

import (
	"testing"

	"github.com/milvus-backup/milvus-backup/clients/go/backupv1"
)

func TestListBackupsReadsAllPages(t *testing.T) {
	server := serverWithStates()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		server.backups = append(server.backups, &backupv1.Backup{Name: name})
	}
	client := connect(t, server)
	names := ""
	backups := client.ListBackups(testContext(t))
	for backups.Next() {
		names += backups.Value().GetName()
	}
	if backups.Err() != nil || names != "abcde" {
		t.Errorf("%q, %v", names, backups.Err())
	}
}

func TestListSegmentsReadsTheStream(t *testing.T) {
	server := serverWithStates()
	server.segments = map[string]int{"a": 1000, "b": 0}
	client := connect(t, server)

	segments := client.ListSegments(testContext(t), "a")
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

	closed := client.ListSegments(testContext(t), "a")
	closed.Next()
	closed.Close()
	if closed.Next() || closed.Err() != nil {
		t.Errorf("a closed iterator continues, error: %v", closed.Err())
	}
	if empty := client.ListSegments(testContext(t), "b"); empty.Next() || empty.Err() != nil {
		t.Errorf("%v", empty.Err())
	}
}

func TestGetBackupReceivesMoreThanTheDefaultLimitOfGRPC(t *testing.T) {
	client := connect(t, serverWithStates())
	info, err := client.GetBackup(testContext(t), "large")
	if err != nil || len(info.GetCollectionBackups()[0].GetL0Segments()) != 300_000 {
		t.Errorf("%v", err)
	}
}

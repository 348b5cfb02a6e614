package milvusbackup_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func ExampleNew_clientCertificate() {
	certificate, err := tls.LoadX509KeyPair("client.pem", "client.key")
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	client, err := milvusbackup.New("backup.example.com:8080", milvusbackup.WithTLS(config))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleClient_StartBackup() {
	client, ctx := newClient()
	job, err := client.StartBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"})
	if err != nil {
		log.Fatal(err)
	}
	// Later, or in another program:
	job, err = client.WaitJob(ctx, job.GetId())
	switch {
	case errors.Is(err, milvusbackup.ErrPartial):
		log.Print("dropped during the backup: ", job.GetResult().GetBackup().GetVanished())
	case err != nil:
		log.Fatal(err)
	}
}

func ExampleClient_PlanRestore() {
	client, ctx := newClient()
	plan, err := client.PlanRestore(ctx, milvusbackup.RestoreRequest{Backup: "nightly", Filter: "shop.*", Suffix: "_copy"})
	if err != nil {
		log.Fatal(err)
	}
	for _, collection := range plan.GetCollections() {
		fmt.Println(collection.GetSource(), collection.GetTarget(), collection.GetAction())
	}
}

func ExampleClient_ListBackups() {
	client, ctx := newClient()
	backups := client.ListBackups(ctx)
	defer backups.Close()
	for backups.Next() {
		fmt.Println(backups.Value().GetName(), backups.Value().GetState())
	}
	if err := backups.Err(); err != nil {
		log.Fatal(err)
	}
}

func ExampleClient_ListSegments() {
	client, ctx := newClient()
	segments := client.ListSegments(ctx, "nightly")
	defer segments.Close()
	for segments.Next() {
		segment := segments.Value()
		fmt.Println(segment.Database, segment.Collection, segment.GetSegmentId(), segment.GetNumOfRows())
	}
	if err := segments.Err(); err != nil {
		log.Fatal(err)
	}
}

func ExampleError() {
	client, ctx := newClient()
	_, err := client.GetBackup(ctx, "nightly")
	if errors.Is(err, milvusbackup.ErrNotFound) {
		fmt.Println("the backup does not exist")
	}
	var failure *milvusbackup.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Kind, failure.Message, failure.Hint, failure.Advice["action"])
	}
}

// newClient returns a client and a context for the examples.
func newClient() (*milvusbackup.Client, context.Context) {
	client, err := milvusbackup.New("backup.example.com:8080")
	if err != nil {
		log.Fatal(err)
	}
	return client, context.Background()
}

func TestReadmeContainsTheLinesOfTheExample(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	_, example, _ := strings.Cut(read("example_test.go"), "func backupAndRestore(ctx context.Context, token string) error {\n")
	example, _, _ = strings.Cut(example, "\treturn nil\n}")
	lines := strings.ReplaceAll(strings.TrimPrefix(example, "\t"), "\n\t", "\n")
	if strings.Count(lines, "\n") != 15 || !strings.Contains(read("../README.md"), "```go\n"+lines+"```\n") {
		t.Errorf("the README does not have these %d lines:\n%s", strings.Count(lines, "\n"), lines)
	}
}

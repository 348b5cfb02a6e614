package milvusbackup_test

import (
	"context"
	"log"
	"os"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

// This example creates a backup and restores its collections under new names.
func Example() {
	if err := backupAndRestore(context.Background(), os.Getenv("MILVUS_BACKUP_TOKEN")); err != nil {
		log.Fatal(err)
	}
}

func backupAndRestore(ctx context.Context, token string) error {
	client, err := milvusbackup.New("backup.example.com:8080", milvusbackup.WithToken(token))
	if err != nil {
		return err
	}
	defer client.Close()

	progress := milvusbackup.OnProgress(func(job *milvusbackup.Job) { log.Print(job.GetProgress().GetPercent(), " %") })
	if _, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: "nightly"}, progress); err != nil {
		return err
	}
	job, err := client.RestoreBackup(ctx, milvusbackup.RestoreRequest{Backup: "nightly", Suffix: "_copy"}, progress)
	if err != nil {
		return err
	}
	log.Print(job.GetResult().GetRestore().GetRows(), " rows restored")
	return nil
}

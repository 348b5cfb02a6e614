// Backup_and_restore creates a backup, restores its collections under new names, and deletes the backup:
//
//	go run ./examples/backup_and_restore -server 127.0.0.1:8080 -insecure -filter books
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func main() {
	server := flag.String("server", "127.0.0.1:8080", "connect to the server at this `host:port`")
	token := flag.String("token", os.Getenv("MILVUS_BACKUP_TOKEN"), "authenticate with this token (default: MILVUS_BACKUP_TOKEN)")
	insecure := flag.Bool("insecure", false, "connect without TLS")
	name := flag.String("name", "example", "give the backup this name")
	filter := flag.String("filter", "", "back up what matches these comma-separated `rules`: db.*, db.collection, collection (default: everything)")
	suffix := flag.String("suffix", "_restored", "append this text to the names of restored collections")
	keep := flag.Bool("keep", false, "do not delete the backup")
	flag.Parse()

	// Ctrl-C ends the context, and the client then cancels the job for which it waits.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	var options []milvusbackup.Option
	if *insecure {
		options = append(options, milvusbackup.WithInsecure())
	}
	if *token != "" {
		options = append(options, milvusbackup.WithToken(*token))
	}
	if err := run(ctx, *server, options, *name, *filter, *suffix, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		var failure *milvusbackup.Error
		if errors.As(err, &failure) && failure.JobID != "" {
			fmt.Fprintln(os.Stderr, "  job:", failure.JobID)
		}
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, server string, options []milvusbackup.Option, name, filter, suffix string, keep bool) error {
	client, err := milvusbackup.New(server, options...)
	if err != nil {
		return err
	}
	defer client.Close()

	progress := milvusbackup.OnProgress(printProgress)
	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: name, Filter: filter}, progress)
	if err != nil {
		return err
	}
	backup := job.GetResult().GetBackup()
	fmt.Printf("backup %s: %d collections, %d rows, %d bytes\n", name, backup.GetCollections(), backup.GetRows(), backup.GetBytes())

	job, err = client.RestoreBackup(ctx, milvusbackup.RestoreRequest{Backup: name, Suffix: suffix}, progress)
	if err != nil {
		return err
	}
	for _, collection := range job.GetResult().GetRestore().GetCollections() {
		fmt.Printf("restored %s as %s: %d rows\n", collection.GetSource(), collection.GetTarget(), collection.GetRows())
	}

	if !keep {
		if _, err := client.DeleteBackup(ctx, milvusbackup.DeletionRequest{Backup: name}, progress); err != nil {
			return err
		}
	}
	backups := client.ListBackups(ctx)
	defer backups.Close()
	for backups.Next() {
		fmt.Printf("backup on the server: %s (%s)\n", backups.Value().GetName(), backups.Value().GetState())
	}
	return backups.Err()
}

func printProgress(job *milvusbackup.Job) {
	fmt.Fprintf(os.Stderr, "%s %s: %d %%\n", job.GetKind(), job.GetProgress().GetPhase(), job.GetProgress().GetPercent())
}

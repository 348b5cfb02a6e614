// Backup_and_restore takes a backup of a collection, restores it under another name, and removes the backup:
//
//	go run ./examples/backup_and_restore -server 127.0.0.1:8080 -insecure -collection books
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
	server := flag.String("server", "127.0.0.1:8080", "the server's host and port")
	token := flag.String("token", os.Getenv("MILVUS_BACKUP_TOKEN"), "a token the server knows")
	insecure := flag.Bool("insecure", false, "speak no TLS")
	name := flag.String("name", "example", "the name of the backup")
	collection := flag.String("collection", "", "the collection to take, as collection or database.collection; all without it")
	suffix := flag.String("suffix", "_restored", "what restored collections are called in addition")
	keep := flag.Bool("keep", false, "leave the backup")
	flag.Parse()

	// Ctrl-C ends the context, and with it the job that is waited for.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	var options []milvusbackup.Option
	if *insecure {
		options = append(options, milvusbackup.WithInsecure())
	}
	if *token != "" {
		options = append(options, milvusbackup.WithToken(*token))
	}
	if err := run(ctx, *server, options, *name, *collection, *suffix, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		var failure *milvusbackup.Error
		if errors.As(err, &failure) && failure.JobID != "" {
			fmt.Fprintln(os.Stderr, "  job:", failure.JobID)
		}
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, server string, options []milvusbackup.Option, name, collection, suffix string, keep bool) error {
	client, err := milvusbackup.New(server, options...)
	if err != nil {
		return err
	}
	defer client.Close()

	var collections []string
	if collection != "" {
		collections = []string{collection}
	}
	job, err := client.CreateBackup(ctx, milvusbackup.BackupRequest{Name: name, Collections: collections},
		milvusbackup.OnProgress(tell))
	if err != nil {
		return err
	}
	made := job.GetResult().GetBackup()
	fmt.Printf("backup %s: %d collections, %d rows, %d bytes\n", name, made.GetCollections(), made.GetRows(), made.GetBytes())

	job, err = client.Restore(ctx, milvusbackup.RestoreRequest{Backup: name, Suffix: suffix}, milvusbackup.OnProgress(tell))
	if err != nil {
		return err
	}
	for _, restored := range job.GetResult().GetRestore().GetCollections() {
		fmt.Printf("restored %s as %s: %d rows\n", restored.GetSource(), restored.GetTarget(), restored.GetRows())
	}

	if !keep {
		if err := client.DeleteBackup(ctx, name); err != nil {
			return err
		}
	}
	backups := client.Backups(ctx)
	defer backups.Close()
	for backups.Next() {
		fmt.Printf("there is %s (%s)\n", backups.Value().GetName(), backups.Value().GetState())
	}
	return backups.Err()
}

func tell(job *milvusbackup.Job) {
	fmt.Fprintf(os.Stderr, "%s %s: %d %%\n", job.GetKind(), job.GetProgress().GetPhase(), job.GetProgress().GetPercent())
}

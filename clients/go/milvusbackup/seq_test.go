//go:build go1.23

package milvusbackup_test

import (
	"errors"
	"testing"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func TestALoopGoesOverAList(t *testing.T) {
	server := through()
	server.segments = map[string]int{"a": 3}
	client := connect(t, server)
	count := 0
	for _, err := range client.Segments(deadline(t), "a").All() {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 3 {
		t.Error(count)
	}
	for _, err := range client.Segments(deadline(t), "missing").All() {
		if !errors.Is(err, milvusbackup.ErrNotFound) {
			t.Error(err)
		}
	}
}

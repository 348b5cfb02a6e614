//go:build go1.23

package milvusbackup_test

import (
	"errors"
	"testing"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func TestAllIteratesOverAList(t *testing.T) {
	server := serverWithStates()
	server.segments = map[string]int{"a": 3}
	client := connect(t, server)
	count := 0
	for _, err := range client.ListSegments(testContext(t), "a").All() {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 3 {
		t.Errorf("%d segments", count)
	}
	rounds := 0
	for _, err := range client.ListSegments(testContext(t), "missing").All() {
		rounds++
		if !errors.Is(err, milvusbackup.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if rounds != 1 {
		t.Errorf("%d rounds for a missing backup", rounds)
	}
}

package milvusbackup

import (
	"context"
	"errors"
	"io"
)

// Iterator returns the elements of a list one at a time, and requests more from the server when it needs them:
//
//	backups := client.ListBackups(ctx)
//	defer backups.Close()
//	for backups.Next() {
//		fmt.Println(backups.Value().GetName())
//	}
//	return backups.Err()
//
// With Go 1.23 or later, All returns a sequence for a range loop. An iterator must not be used by several goroutines at
// the same time.
type Iterator[T any] struct {
	fetch   func() (elements []T, last bool, err error)
	release func()
	fetched []T
	value   T
	last    bool
	err     error
}

// Next advances to the next element and reports whether there is one. It waits for the server if necessary.
func (it *Iterator[T]) Next() bool {
	for len(it.fetched) == 0 {
		if it.last {
			return false
		}
		it.fetched, it.last, it.err = it.fetch()
		if it.err != nil {
			it.last = true
			return false
		}
	}
	it.value, it.fetched = it.fetched[0], it.fetched[1:]
	return true
}

// Value returns the element to which Next advanced.
func (it *Iterator[T]) Value() T {
	return it.value
}

// Err returns the error that ended the iteration, or nil if it reached the end of the list.
func (it *Iterator[T]) Err() error {
	return it.err
}

// Close releases the resources of the iterator. It is necessary if the iterator is not read to its end, and otherwise
// has no effect.
func (it *Iterator[T]) Close() {
	it.last, it.fetched = true, nil
	it.release()
}

// iteratePages iterates over a list that the server returns in pages.
func iteratePages[T any](fetchPage func(token string) (elements []T, next string, err error)) *Iterator[T] {
	token := ""
	return &Iterator[T]{
		fetch: func() ([]T, bool, error) {
			elements, next, err := fetchPage(token)
			token = next
			return elements, next == "", err
		},
		release: func() {},
	}
}

// receiver is the part of a gRPC stream that receives messages.
type receiver[M any] interface {
	Recv() (M, error)
}

// iterateStream iterates over a list that the server sends as a stream. The first call of Next opens the stream.
func iterateStream[M, T any](ctx context.Context, open func(context.Context) (receiver[M], error), elements func(M) []T) *Iterator[T] {
	ctx, cancel := context.WithCancel(ctx)
	var stream receiver[M]
	return &Iterator[T]{
		fetch: func() ([]T, bool, error) {
			var err error
			if stream == nil {
				if stream, err = open(ctx); err != nil {
					cancel()
					return nil, true, err
				}
			}
			message, err := stream.Recv()
			switch {
			case errors.Is(err, io.EOF):
				cancel()
				return nil, true, nil
			case err != nil:
				cancel()
				return nil, true, err
			default:
				return elements(message), false, nil
			}
		},
		release: cancel,
	}
}

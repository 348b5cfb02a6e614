package milvusbackup

import (
	"context"
	"errors"
	"io"
)

// Iterator gives the elements of a list one after the other, and asks the server for more when it needs them:
//
//	backups := client.Backups(ctx)
//	defer backups.Close()
//	for backups.Next() {
//		fmt.Println(backups.Value().GetName())
//	}
//	return backups.Err()
//
// From Go 1.23 on there is All, for a loop over the elements. An iterator is for one goroutine.
type Iterator[T any] struct {
	more  func() (elements []T, last bool, err error)
	close func()
	ready []T
	value T
	last  bool
	err   error
}

// Next goes to the next element and tells whether there is one. It waits for the server where it has to.
func (it *Iterator[T]) Next() bool {
	for len(it.ready) == 0 {
		if it.last {
			return false
		}
		it.ready, it.last, it.err = it.more()
		if it.err != nil {
			it.last = true
			return false
		}
	}
	it.value, it.ready = it.ready[0], it.ready[1:]
	return true
}

// Value is the element Next went to.
func (it *Iterator[T]) Value() T {
	return it.value
}

// Err is why Next found no more, or nil at the end of the list.
func (it *Iterator[T]) Err() error {
	return it.err
}

// Close lets go of what the iterator holds; needed where it is not read to its end, and harmless where it is.
func (it *Iterator[T]) Close() {
	it.last, it.ready = true, nil
	it.close()
}

// paged reads a list that comes in pages.
func paged[T any](page func(token string) ([]T, string, error)) *Iterator[T] {
	token := ""
	return &Iterator[T]{
		more: func() ([]T, bool, error) {
			elements, next, err := page(token)
			token = next
			return elements, next == "", err
		},
		close: func() {},
	}
}

// messages is a stream of a server's answers.
type messages[M any] interface {
	Recv() (M, error)
}

// streamed reads a list that comes in a stream; it begins with the first element that is asked for.
func streamed[M, T any](ctx context.Context, open func(context.Context) (messages[M], error), elements func(M) []T) *Iterator[T] {
	ctx, cancel := context.WithCancel(ctx)
	var stream messages[M]
	return &Iterator[T]{
		more: func() ([]T, bool, error) {
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
		close: cancel,
	}
}

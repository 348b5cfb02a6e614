//go:build go1.23

package milvusbackup

import "iter"

// All gives the elements to a loop, with an error in the last round where the list broke off:
//
//	for backup, err := range client.Backups(ctx).All() {
//		if err != nil {
//			return err
//		}
//		fmt.Println(backup.GetName())
//	}
func (it *Iterator[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer it.Close()
		for it.Next() {
			if !yield(it.Value(), nil) {
				return
			}
		}
		if err := it.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

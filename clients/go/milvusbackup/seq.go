//go:build go1.23

package milvusbackup

import "iter"

// All returns the elements as a sequence for a range loop. If the list cannot be read to its end, the last round has
// the error:
//
//	for backup, err := range client.ListBackups(ctx).All() {
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

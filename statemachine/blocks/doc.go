// Package blocks cuts a table in object storage into blocks of rows and reads one block of it. It reads only what it needs: a
// text is scanned once for its rows' borders, of an array the header is read, of a Parquet file the footer.
//
// It knows the formats and the model's signature. Rows become tensors by package dataset, so that a block's numbers are
// the ones that predict sees; errors name the file, the row and, in texts, the line, counted from the file's beginning.
package blocks

// Checks a running server's log with golang.org/x/mod/sumdb/note and tlog, the reference implementation.
//
//	main URL KEY
//
// Reads checkpoint and tiles, asks for inclusion and consistency proofs, and takes none of the altered copies.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	inclusions    = 60
	consistencies = 25
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func refused(err error, what string) {
	if err == nil {
		fmt.Fprintf(os.Stderr, "%s: it was accepted\n", what)
		os.Exit(1)
	}
}

type server struct {
	url, key, tlog string
	known          note.Verifiers
	tiles          map[string][]byte
	bundles        map[string][]byte
	places         map[string]tlog.Tile
	spoiled        string
}

func (s *server) get(path string) []byte {
	request, err := http.NewRequest("GET", s.url+path, nil)
	must(err, path)
	request.Header.Set("Authorization", "Bearer "+s.key)
	answer, err := http.DefaultClient.Do(request)
	must(err, path)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(err, path)
	if answer.StatusCode != 200 {
		must(fmt.Errorf("%s: %s", answer.Status, body), path)
	}
	return body
}

func (s *server) json(path string) map[string]any {
	var answer map[string]any
	must(json.Unmarshal(s.get(path), &answer), path)
	return answer
}

// open gives size and root of a checkpoint that the log's key signed.
func (s *server) open(text []byte) (tlog.Tree, error) {
	opened, err := note.Open(text, s.known)
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("not three lines: %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func (s *server) Height() int { return 8 }

func (s *server) SaveTiles([]tlog.Tile, [][]byte) {}

func (s *server) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// c2sp.org/tlog-tiles leaves the height out of the path.
		path := strings.Replace(tile.Path(), "tile/8/", "/tile/", 1)
		if s.tiles[path] == nil {
			s.tiles[path], s.places[path] = s.get(s.tlog+path), tile
		}
		found[i] = append([]byte{}, s.tiles[path]...)
		if path == s.spoiled {
			found[i][min(33, len(found[i])-1)] ^= 4
		}
	}
	return found, nil
}

func hashes(list any) []tlog.Hash {
	found := []tlog.Hash{}
	for _, text := range list.([]any) {
		hash, err := tlog.ParseHash(text.(string))
		must(err, "hashes")
		found = append(found, hash)
	}
	return found
}

func bent(hash tlog.Hash) tlog.Hash {
	hash[17] ^= 1
	return hash
}

// altered gives copies of a proof with one change each: a bit of each hash, a hash less, a hash more.
func altered(proof []tlog.Hash) [][]tlog.Hash {
	copies := [][]tlog.Hash{append(append([]tlog.Hash{}, proof...), tlog.Hash{})}
	for i := range proof {
		changed := append([]tlog.Hash{}, proof...)
		changed[i] = bent(changed[i])
		copies = append(copies, changed)
	}
	if len(proof) > 0 {
		copies = append(copies, proof[:len(proof)-1])
	}
	return copies
}

func (s *server) inclusions(size int64) int {
	count := 0
	for i := int64(0); i < inclusions; i++ {
		n := i * (size - 1) / (inclusions - 1)
		what := fmt.Sprintf("inclusion of %d", n)
		answer := s.json(fmt.Sprintf("/v1/proofs/inclusion?sequence=%d", n))
		tree, err := s.open([]byte(answer["checkpoint"].(string)))
		must(err, what+": its checkpoint")
		leaf, err := tlog.ParseHash(answer["leaf_hash"].(string))
		must(err, what)
		proof := tlog.RecordProof(hashes(answer["hashes"]))
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf), what)
		read, err := tlog.TileHashReader(tree, s).ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		must(err, what+": tiles")
		if read[0] != leaf {
			must(fmt.Errorf("the tile has %v, the proof %v", read[0], leaf), what)
		}
		for _, changed := range altered(proof) {
			refused(tlog.CheckRecord(changed, tree.N, tree.Hash, n, leaf), what+", altered")
			count++
		}
		refused(tlog.CheckRecord(proof, tree.N, bent(tree.Hash), n, leaf), what+", another root")
		refused(tlog.CheckRecord(proof, tree.N, tree.Hash, n, bent(leaf)), what+", another leaf")
		refused(tlog.CheckRecord(proof, tree.N, tree.Hash, n^1, leaf), what+", another place")
		count += 3
	}
	return count
}

func (s *server) consistencies(tree tlog.Tree) int {
	count, reader := 0, tlog.TileHashReader(tree, s)
	for i := int64(1); i <= consistencies; i++ {
		old := (tree.N - 1) * i / consistencies
		if i%3 == 0 {
			old = 1 << (i/2 + 3)
		}
		what := fmt.Sprintf("consistency of %d", old)
		oldRoot, err := tlog.TreeHash(old, reader)
		must(err, what+": tiles")
		answer := s.json(fmt.Sprintf("/v1/proofs/consistency?from=%d&to=%d", old, tree.N))
		proof := tlog.TreeProof(hashes(answer["hashes"]))
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old, oldRoot), what)
		for _, changed := range altered(proof) {
			refused(tlog.CheckTree(changed, tree.N, tree.Hash, old, oldRoot), what+", altered")
			count++
		}
		refused(tlog.CheckTree(proof, tree.N, bent(tree.Hash), old, oldRoot), what+", another root")
		refused(tlog.CheckTree(proof, tree.N, tree.Hash, old, bent(oldRoot)), what+", another old root")
		refused(tlog.CheckTree(proof, tree.N, tree.Hash, old-1, oldRoot), what+", another size")
		count += 3
	}
	return count
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// entry gives h of a record, out of its entry bundle.
func (s *server) entry(size, n int64) []byte {
	tile := tlog.Tile{H: 8, L: 0, N: n / 256, W: int(size - n/256*256)}
	tile.W = min(tile.W, 256)
	path := strings.Replace(tile.Path(), "tile/8/0/", "/tile/entries/", 1)
	if s.bundles[path] == nil {
		s.bundles[path] = s.get(s.tlog + path)
	}
	at := n % 256 * 34
	return s.bundles[path][at+2 : at+34]
}

// pathHolds checks the proof that the tiles give for a record. The root is what it is held against: TileHashReader of
// this version checks a tile against its parent only from the len(stx)-th tile on, which leaves out some.
func (s *server) pathHolds(tree tlog.Tree, n int64) error {
	proof, err := tlog.ProveRecord(tree.N, n, tlog.TileHashReader(tree, s))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(s.entry(tree.N, n)))
}

// everyTile checks a path through each tile, then the same with the tile changed in a bit.
func (s *server) everyTile(tree tlog.Tree) int {
	for n := int64(0); n < tree.N; n += 256 {
		must(s.pathHolds(tree, n), fmt.Sprintf("the path of %d", n))
	}
	for path, tile := range s.places {
		// The second hash is beside the way from the first record below; a tile of one hash is beside that of the next.
		n := tile.N << (8 * (tile.L + 1))
		if tile.W == 1 {
			n = (tile.N<<8 + 1) << (8 * tile.L)
		}
		s.spoiled = path
		refused(s.pathHolds(tree, n), path+" with a bit changed")
	}
	s.spoiled = ""
	return len(s.places)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: main URL KEY")
		os.Exit(2)
	}
	s := &server{url: os.Args[1], key: os.Args[2], tiles: map[string][]byte{}, places: map[string]tlog.Tile{}, bundles: map[string][]byte{}}
	key := s.json("/v1/chain")["key"].(string)
	verifier, err := note.NewVerifier(key)
	must(err, key)
	s.known = note.VerifierList(verifier)
	origin := verifier.Name()
	s.tlog = "/tlog/" + origin[strings.LastIndex(origin, "/")+1:]
	text := s.get(s.tlog + "/checkpoint")
	tree, err := s.open(text)
	must(err, "checkpoint")
	// This bit, in the last digit of base64 too, is one of those that count.
	for i := range text {
		changed := append([]byte{}, text...)
		changed[i] ^= 4
		_, err := s.open(changed)
		refused(err, fmt.Sprintf("the checkpoint with byte %d changed", i))
	}
	tiles := s.everyTile(tree)
	ofInclusion, ofConsistency := s.inclusions(tree.N), s.consistencies(tree)
	fmt.Printf("golang.org/x/mod/sumdb: %d events, %d tiles, %d inclusion and %d consistency proofs accepted; "+
		"refused: %d notes, %d tiles, %d + %d proofs altered\n",
		tree.N, tiles, inclusions, consistencies, len(text), tiles, ofInclusion, ofConsistency)
}

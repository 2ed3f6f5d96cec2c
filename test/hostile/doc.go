// Package hostile has only tests: they run the real chain of programs against
// malicious customers, using the dialogues in test/data/hostile.
package hostile

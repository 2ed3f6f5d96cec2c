// Package hostile holds tests only: it runs the real chain of programs against
// customers who mean no good, from the dialogues in test/data/hostile.
package hostile

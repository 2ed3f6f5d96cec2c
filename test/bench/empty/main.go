// Empty is a Go program that does nothing: the least that a start can cost.
package main

func main() {}

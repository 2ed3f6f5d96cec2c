package main

func runMillion(*bench, row) ([]result, error)  { return nil, nil }
func runGigabyte(*bench, row) ([]result, error) { return nil, nil }
func runIdle(*bench, row) ([]result, error)     { return nil, nil }
func runStart(*bench, row) ([]result, error)    { return nil, nil }

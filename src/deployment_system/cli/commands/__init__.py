"""The commands, a module each: parse, call one function, render."""

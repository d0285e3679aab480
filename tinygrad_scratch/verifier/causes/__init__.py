"""The usual mistakes, each as a search: a change of the calls of a step that undoes it, tried out."""

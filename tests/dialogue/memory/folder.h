/*
 * A test over all conversations of a folder.
 */
#ifndef ENVOI_TESTS_FOLDER_H
#define ENVOI_TESTS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "form.h"

/**
 * Arguments are files and folders of *.dialogue. Calls hold for each that can
 * be held in memory, in a folder with its files; it counts how often in *times.
 * Prints how many, and why others are not. -v: names them. Returns the exit
 * status.
 */
int folder_main(int argc, char **argv,
	bool (*hold)(const struct conversation *conversation, size_t *times));

#endif

/*
 * argv[0] and the command word, nothing else.
 */
#include <string.h>

#include "sink.h"

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "sink") == 0) {
		return cmd_sink(argc - 1, argv + 1);
	}
	return 0;
}

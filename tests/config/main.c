/*
 * envoi config by itself, as a program for tests/config/run.
 */
#include "commands.h"

int main(int argc, char **argv)
{
	return cmd_config(argc, argv);
}

/*
 * argv[0] and the command word, nothing else.
 */
int main(void)
{
	return 0;
}

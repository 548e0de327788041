// Prints why the package can't be loaded.

try {
  require('sendmsg')
} catch (error) {
  const { message, code, cause } = error
  console.log(JSON.stringify({ message, code, cause: { message: cause.message, code: cause.code } }))
}

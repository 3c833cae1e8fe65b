// Types that several files use.

@export()
@description('Tags of a resource: name to value.')
type Tags = {
  *: string
}

@export()
@description('Settings of the app: name to value.')
type Settings = {
  *: string
}

@export()
@description('Who issues the identifiers: an issuer or a partition to an absolute URI.')
type Systems = {
  *: string
}

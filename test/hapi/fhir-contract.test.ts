import { describeFhirServer } from '../support/fhir/fhir-contract'
import { hapiFlavour } from '../support/fhir/fhir-flavour'
import { hapiUrl } from './hapi-url'

describeFhirServer('HAPI', () => Promise.resolve({ url: hapiUrl(), close: () => Promise.resolve() }), hapiFlavour)
